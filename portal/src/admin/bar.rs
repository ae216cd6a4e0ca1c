//! How far an operation is: a bar on a terminal, now and then a line anywhere else. On standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::table;

const TEMPLATE: &str = "{elapsed_precise} [{bar:30}] {pos}/{len}  {wide_msg}";
/// The clock of the bar goes on when nothing else does.
const TICK: Duration = Duration::from_millis(500);

/// Of an operation, what is looked at while it runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    pub(super) state: String,
    pub(super) explanation: Option<String>,
    pub(super) changed_by: Option<String>,
    pub(super) change_reason: Option<String>,
    steps: Vec<i64>,
    progress: Progress,
}

#[derive(Debug, Clone, Deserialize)]
struct Progress {
    total: u64,
    done: u64,
    skipped: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    step: u64,
}

impl Seen {
    /// Whether nothing more happens by itself.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state != "running"
    }

    pub(super) fn is_completed(&self) -> bool {
        self.state == "completed"
    }

    /// What its turn has come for.
    fn position(&self) -> u64 {
        self.progress.done + self.progress.skipped
    }

    /// `step 2: 100 succeeded, 9 failed again`.
    fn words(&self) -> String {
        let Progress { skipped, succeeded, failed, cancelled, step, .. } = self.progress;
        let counts =
            [(succeeded, "succeeded"), (failed, "failed again"), (skipped, "skipped"), (cancelled, "cancelled")];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let step = if self.steps.is_empty() { String::new() } else { format!("step {step}") };
        match (step.is_empty(), counts.is_empty()) {
            (false, false) => format!("{step}: {counts}"),
            _ => step + &counts,
        }
    }
}

/// Shows it.
pub(super) struct Bar {
    bar: ProgressBar,
    /// The line that was printed last, where there is no bar.
    said: Option<(String, u64, u64)>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style.progress_chars("=> "));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self { bar, said: None }
    }

    pub(super) fn show(&mut self, seen: &Seen) {
        let (position, total) = (seen.position(), seen.progress.total);
        if !self.bar.is_hidden() {
            self.bar.set_length(total);
            self.bar.set_position(position);
            self.bar.set_message(seen.words());
            return;
        }
        // a log wants a line per step and tenth, not one per second
        let worth = (seen.state.clone(), seen.progress.step, position * 10 / total.max(1));
        if self.said.as_ref() != Some(&worth) {
            let line = format!("{}: {position}/{total}  {}", seen.state, seen.words());
            eprintln!("{}", table::clean(line.trim_end()));
            self.said = Some(worth);
        }
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(steps: Value, progress: Value) -> Seen {
        let mut all = json!({"total": 5000, "done": 0, "skipped": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "step": 1,
            "waiting": 0, "failedAlike": 0});
        all.as_object_mut().unwrap().extend(progress.as_object().unwrap().clone());
        serde_json::from_value(json!({"state": "running", "steps": steps, "progress": all, "id": "x"})).unwrap()
    }

    #[test]
    fn it_says_what_became_of_the_items_so_far() {
        let steps = seen(json!([1, 10]), json!({"done": 11, "skipped": 2, "succeeded": 7, "failed": 3, "step": 2}));
        assert_eq!((steps.words().as_str(), steps.position()), ("step 2: 7 succeeded, 3 failed again, 2 skipped", 13));
        assert_eq!(seen(json!([1]), json!({})).words(), "step 1");
        assert_eq!(seen(json!([]), json!({"cancelled": 1})).words(), "1 cancelled");
        assert_eq!(seen(json!([]), json!({})).words(), "");
    }
}
