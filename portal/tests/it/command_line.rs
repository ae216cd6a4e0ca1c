//! Help, version, exit codes, and complaints about the configuration.

use crate::program::portal;

#[test]
fn help_names_every_command_and_shows_examples() {
    let help = portal(&["--help"], &[]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(help.stdout);
}

#[test]
fn version_is_that_of_the_program() {
    let version = portal(&["--version"], &[]);
    assert_eq!((version.code, version.stdout.as_str()), (Some(0), concat!("portal ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&[][..], &["nonsense"], &["api", "--nonsense"], &["openapi", "--check"]] {
        let ended = portal(arguments, &[]);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.stderr.contains("Usage: portal") || ended.stderr.contains("try '--help'"), "{}", ended.stderr);
    }
}

#[test]
fn a_wrong_setting_fails_before_anything_starts() {
    let wrong = [("PORTAL_HTTP__ADDR", "localhost"), ("DATABASE_URL", "postgres://u:s3cret@localhost/x")];
    for command in ["dev", "api", "worker", "migrate", "seed"] {
        assert_eq!(
            portal(&[command], &wrong).complaint(),
            "PORTAL_HTTP__ADDR: expected an IP address and a port, got \"localhost\"; \
             for example PORTAL_HTTP__ADDR=127.0.0.1:8080"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let ended = portal(&["--config", "/nowhere/my.toml", "api"], &[]);
    assert_eq!(
        ended.complaint(),
        "/nowhere/my.toml: cannot read the configuration file: No such file or directory (os error 2)"
    );
}

#[test]
fn each_command_says_what_it_needs() {
    let missing = |command: &str, variables: &[(&str, &str)]| portal(&[command], variables).complaint().to_owned();
    let issuer = ("PORTAL_AUTH__ISSUER", "https://login.example.com");
    let amqp = ("AMQP_URL", "amqp://localhost");
    let (received, stock) = ("com.offgrid.portal.stock.stock-received", crate::event::received().to_string());
    let complaints = [
        missing("api", &[]),
        missing("api", &[issuer]),
        missing("worker", &[]),
        missing("worker", &[amqp]),
        missing("migrate", &[]),
        missing("seed", &[]),
        portal(&["event", "publish", "--type", received, "--data", &stock], &[]).complaint().to_owned(),
        portal(&["event", "tail"], &[]).complaint().to_owned(),
        missing("dev", &[("PORTAL_HTTP__ADDR", "127.0.0.1:0")]),
        missing("dev", &[("PORTAL_HTTP__ADDR", "0.0.0.0:8080")]),
        missing("dev", &[("PORTAL_HTTP__ADDR", "[::]:8080")]),
    ];
    insta::assert_snapshot!(complaints.join("\n"));
}
