//! What to do to which dead letters, as the options of `preview` and `start` say it.

use clap::Args;
use serde_json::{Map, Value, json};

use super::filter::{Filter, Id};
use crate::failure::Failure;
use crate::input;

/// An operation to preview or start. Both take the same options, so that one follows the other by changing one word.
#[derive(Debug, Args)]
pub(super) struct Order {
    /// What is done to each
    #[arg(value_parser = ["retry", "discard", "archive", "restore", "edit_and_retry"])]
    action: String,
    /// These dead letters, if not those for which the filter holds
    #[arg(value_name = "ID")]
    ids: Vec<Id>,
    /// And those whose ids stand in a file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    ids_from: Option<String>,
    /// With edit_and_retry: a JSON merge patch of each payload. JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    patch: Option<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    gradual: Gradual,
}

/// A retry in steps.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gradual retry")]
struct Gradual {
    /// In steps of 1, 10, 100, then the rest; it stops by itself when too many of a step fail again. Any of the following
    /// options says this too
    #[arg(long)]
    gradual: bool,
    /// How many each step is of: 1,10,100
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    steps: Option<Vec<i64>>,
    /// Pause after the steps, before the rest
    #[arg(long)]
    no_rest: bool,
    /// At most so many per second [default: 100]
    #[arg(long, value_name = "N")]
    rate: Option<i64>,
    /// Stop when more than this share of a step failed again; 1 never stops [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    stop_share: Option<f64>,
    /// Count also what failed with another error than before
    #[arg(long)]
    any_error: bool,
    /// Wait at most so long for what becomes of a step [default: 300]
    #[arg(long, value_name = "SECONDS")]
    wait_seconds: Option<i64>,
}

impl Order {
    /// As the API wants it.
    pub(super) fn body(&self, reason: &str) -> Result<Value, Failure> {
        let mut body = json!({"action": self.action, "reason": reason});
        let ids = self.ids()?;
        let filter: Map<String, Value> =
            self.filter.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        if !ids.is_empty() {
            body["ids"] = ids.into();
        }
        // both, or neither: the API says what is wrong with that
        if !filter.is_empty() || body["ids"].is_null() {
            body["filter"] = filter.into();
        }
        if let Some(patch) = &self.patch {
            body["patch"] = input::object("--patch", patch)?.into();
        }
        if let Some(gradual) = self.gradual.body() {
            body["gradual"] = gradual;
        }
        Ok(body)
    }

    fn ids(&self) -> Result<Vec<String>, Failure> {
        let mut ids: Vec<String> = self.ids.iter().map(|id| id.as_str().to_owned()).collect();
        if let Some(path) = &self.ids_from {
            ids.extend(input::file(path)?.split_whitespace().map(str::to_owned));
            if ids.is_empty() {
                // without ids, the filter would be asked for
                return Err(Failure::Usage { option: "--ids-from", problem: format!("there is no id in {path}") });
            }
        }
        Ok(ids)
    }
}

impl Gradual {
    fn body(&self) -> Option<Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
        put("steps", self.steps.clone().map(Value::from));
        put("thenRest", self.no_rest.then_some(false.into()));
        put("ratePerSecond", self.rate.map(Value::from));
        put("waitSeconds", self.wait_seconds.map(Value::from));
        let mut stop = Map::new();
        stop.extend(self.stop_share.map(|share| ("share".to_owned(), share.into())));
        stop.extend(self.any_error.then(|| ("sameFingerprint".to_owned(), false.into())));
        put("stopWhen", (!stop.is_empty()).then(|| stop.into()));
        (self.gradual || !body.is_empty()).then(|| body.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        order: Order,
    }

    fn body(line: &str) -> Value {
        let words = std::iter::once("start").chain(line.split(' '));
        Line::try_parse_from(words).unwrap().order.body("why").unwrap()
    }

    #[test]
    fn ids_or_a_filter_are_sent_and_steps_if_there_are_any() {
        assert_eq!(body("discard A B"), json!({"action": "discard", "reason": "why", "ids": ["A", "B"]}));
        assert_eq!(body("retry"), json!({"action": "retry", "reason": "why", "filter": {}}));
        assert_eq!(
            body("retry --queue stock --dead-reason permanent --gradual"),
            json!({"action": "retry", "reason": "why", "filter": {"queue": "stock", "reason": "permanent"}, "gradual": {}})
        );
        assert_eq!(
            body("retry A --queue q --steps 1,5 --no-rest --rate 9 --stop-share 0.5 --any-error --wait-seconds 2"),
            json!({"action": "retry", "reason": "why", "ids": ["A"], "filter": {"queue": "q"}, "gradual": {
                "steps": [1, 5], "thenRest": false, "ratePerSecond": 9, "waitSeconds": 2,
                "stopWhen": {"share": 0.5, "sameFingerprint": false}}})
        );
        assert_eq!(body("edit_and_retry A --patch {\"a\":1}")["patch"], json!({"a": 1}));
    }

    #[test]
    fn a_file_without_ids_is_not_a_filter_without_conditions() {
        let line = Line::try_parse_from(["start", "discard", "--ids-from", "/dev/null"]).unwrap();
        assert!(line.order.body("why").unwrap_err().to_string().contains("/dev/null"));
    }
}
