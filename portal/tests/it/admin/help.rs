//! The help of every command.

use crate::program::portal;

const COMMANDS: &[&str] = &[
    "",
    "dead-letters",
    "dead-letters list",
    "dead-letters show",
    "dead-letters groups",
    "dead-letters retry",
    "dead-letters edit",
    "operations",
    "operations preview",
    "operations start",
    "operations items",
    "operations watch",
    "operations resume",
    "jobs",
    "jobs list",
    "jobs start",
    "queues",
    "queues pause",
    "schedules",
    "workflows",
    "audit",
    "timeline",
];

#[test]
fn every_command_says_what_it_does() {
    let mut pages = String::new();
    for command in COMMANDS {
        let words = ["admin"].into_iter().chain(command.split_whitespace()).chain(["--help"]).collect::<Vec<_>>();
        let help = portal(&words, &[("PORTAL_ADMIN_SERVER", "http://not.shown"), ("PORTAL_ADMIN_TOKEN", "s3cret")]);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command}");
        pages.push_str(&format!("$ portal {}\n{}\n", words.join(" "), help.stdout));
    }
    assert!(!pages.contains("s3cret") && !pages.contains("not.shown"));
    insta::assert_snapshot!(pages);
}

#[test]
fn wrong_usage_is_2_and_asks_nobody() {
    let token = [("PORTAL_ADMIN_TOKEN", "x")];
    for line in [
        "admin",
        "admin dead-letters",
        "admin dead-letters list --state gone",
        "admin dead-letters retry ../jobs --reason x",
        "admin dead-letters retry 01JGFJJZ00E008000000000103",
        "admin dead-letters edit X --patch {}",
        "admin operations start explode --reason x",
        "admin operations start retry --queue x",
        "admin timeline",
        "admin timeline --order X --event Y",
        "admin queues list --server localhost:8080",
        "admin queues list --server https://ada:s3cret@x",
        "admin queues list --token s3cret",
    ] {
        let ended = portal(&line.split(' ').collect::<Vec<_>>(), &token);
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
    }
}

#[test]
fn what_only_a_look_at_it_tells_is_wrong_usage_too() {
    let complaint = |line: &str, variables: &[(&str, &str)]| {
        let ended = portal(&line.split(' ').collect::<Vec<_>>(), variables);
        assert_eq!(ended.code, Some(2), "{line}: {ended:?}");
        ended.stderr
    };
    let token = [("PORTAL_ADMIN_TOKEN", "x")];
    assert_eq!(
        complaint("admin queues list", &[]),
        "portal: PORTAL_ADMIN_TOKEN: there is no token: set PORTAL_ADMIN_TOKEN, or give --token-file with one in it\n"
    );
    let patch = complaint("admin dead-letters edit X --reason x --patch [1]", &token);
    assert!(patch.starts_with("portal: --patch: expected a JSON object: invalid type: sequence"), "{patch}");
    assert_eq!(
        complaint("admin queues list --server https://localhost:1 --ca-file /dev/null", &token),
        "portal: --ca-file: there is no certificate in it; expected PEM\n"
    );
}
