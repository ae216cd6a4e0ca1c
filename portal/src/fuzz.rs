//! Fuzz targets: configuration, in files and in the environment. See the crate `fuzz`.
//!
//! Whatever is wrong, the complaint is one line, names the setting, and holds no password.

use fuzz::target;

use crate::config::{Config, Error, SecretUrl};
use crate::database::Login;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Stands in no corpus, so that what shows it has shown the password.
const SECRET: &str = "Xk9hushQ";

fn one_line_without_secrets(loaded: Result<Config, Error>) {
    match loaded {
        Ok(config) => {
            let shown = format!("{config:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains('\n'), "more than one line: {shown}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }
}

/// Lines of NAME=VALUE.
#[test]
fn fuzz_environment() {
    target(HERE, "environment", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let variables = text.lines().filter_map(|line| line.split_once('='));
        let password = ("PORTAL_DATABASE__OWNER_URL", format!("postgres://portal_owner:{SECRET}@db/portal"));
        let given = variables.map(|(name, value)| (name.into(), value.into()));
        one_line_without_secrets(Config::load(None, given.chain([(password.0.into(), password.1.into())])));
    });
}

/// A file of the text, with a password in the URLs where there is a place for it.
#[test]
fn fuzz_file() {
    let path = std::env::temp_dir().join(format!("portal-fuzz-{}.toml", std::process::id()));
    target(HERE, "file", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.split('\n').map(|line| match line.split_once("url = ") {
            Some(("" | "owner_" | "database.owner_", _)) => line.replace(":%PASSWORD%@", &format!(":{SECRET}@")),
            _ => line.to_owned(),
        });
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
        one_line_without_secrets(Config::load(Some(&path), []));
    });
    std::fs::remove_file(&path).unwrap();
}

/// Lines: scheme, user, the rest of the password, the rest of the URL.
#[test]
fn fuzz_database_urls() {
    target(HERE, "database_urls", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.splitn(4, '\n');
        let mut line = || lines.next().unwrap_or_default();
        let text = format!("{}://{}:{SECRET}{}@{}", line(), line(), line(), line());
        let url = SecretUrl::new(&text);
        one_line_without_secrets(Config::load(None, [("DATABASE_URL".into(), text.into())]));
        let login = Login { key: "database.url", url: &url };
        let complaint = login.options().err().map(|failure| failure.to_string()).unwrap_or_default();
        let shown = format!("{url} {url:?} {complaint}");
        assert!(!shown.contains(SECRET), "{shown}");
    });
}
