//! `portal admin`, over HTTP, against a `portal dev` with its demo data.

mod help;
mod operations;
mod resources;
mod trouble;

use serde_json::Value;
use sqlx::PgPool;

use crate::dev::{self, Banner};
use crate::http;
use crate::places::superuser_url;
use crate::program::{Ended, Program, portal};

/// Dead letters of the queue `demo`, which is paused.
const DEAD: &str = "01JGFJJZ00E008000000000103";
const TO_DISCARD: &str = "01JGFJJZ00E008000000000104";
const TO_ARCHIVE: &str = "01JGFJJZ00E008000000000105";
const TO_EDIT: &str = "01JGFJJZ00E008000000000107";

/// An installation, and somebody who operates it.
struct Site {
    _dev: Program,
    addr: String,
    token: String,
}

impl Site {
    fn start(pool: &PgPool) -> Self {
        let dev = dev::start(&superuser_url(pool), &[]);
        let banner = Banner::of(&dev);
        Self { addr: banner.addr.clone(), token: banner.token("portal-admin"), _dev: dev }
    }

    fn variables<'a>(&'a self, server: &'a str) -> [(&'a str, &'a str); 2] {
        [("PORTAL_ADMIN_SERVER", server), ("PORTAL_ADMIN_TOKEN", &self.token)]
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_over(&self.addr, arguments)
    }

    /// The same over something that listens elsewhere. The token is never shown.
    fn run_over(&self, addr: &str, arguments: &[&str]) -> Ended {
        let server = format!("http://{addr}");
        let ended = portal(&[&["admin"], arguments].concat(), &self.variables(&server));
        assert!(!ended.stdout.contains(&self.token) && !ended.stderr.contains(&self.token), "{ended:?}");
        ended
    }

    /// Runs a command that succeeds; what it prints.
    fn table(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// The same as JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.table(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Runs a command that is refused; why.
    fn refusal(&self, arguments: &[&str]) -> String {
        self.run(arguments).complaint().to_owned()
    }

    /// Starts a command that goes on.
    fn begin(&self, arguments: &[&str]) -> Program {
        let server = format!("http://{}", self.addr);
        Program::start(&[&["admin"], arguments].concat(), &self.variables(&server))
    }

    fn get(&self, path: &str) -> http::Answer {
        http::get(&self.addr, path, &self.token)
    }
}

/// The first word of each line below the headings.
fn ids(table: &str) -> Vec<&str> {
    table.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect()
}
