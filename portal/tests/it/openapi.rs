//! The description of the API, as a file.

use serde_json::Value;

use crate::program::portal;

#[test]
fn it_is_printed_without_any_configuration_and_can_be_checked() {
    let printed = portal(&["openapi"], &[("PORTAL_HTTP__ADDR", "nonsense")]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.ends_with("}\n"));
    let document: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");

    let path = std::env::temp_dir().join(format!("portal-openapi-{}.json", std::process::id()));
    let file = path.to_str().unwrap();
    std::fs::write(&path, &printed.stdout).unwrap();
    let same = portal(&["openapi", "--check", file], &[]);
    assert_eq!((same.code, same.stdout.as_str(), same.stderr.as_str()), (Some(0), "", ""));

    std::fs::write(&path, printed.stdout.replace("Offgrid", "Other")).unwrap();
    assert_eq!(portal(&["openapi", "--check", file], &[]).complaint(), format!("{file}: stale: run `make openapi`"));

    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        portal(&["openapi", "--check", file], &[]).complaint(),
        format!("{file}: No such file or directory (os error 2)")
    );
}
