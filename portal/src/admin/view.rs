//! One thing with everything that is known of it.

use serde_json::Value;

use super::table::{self, Column};

/// What to show of it.
pub(super) struct View {
    /// A line each.
    pub(super) fields: &'static [Column],
    /// A title, where its rows are, and what to show of them.
    pub(super) lists: &'static [(&'static str, &'static str, &'static [Column])],
    /// A title, and where the document is.
    pub(super) documents: &'static [(&'static str, &'static str)],
}

impl View {
    /// All of it.
    pub(super) fn full(&self, of: &Value, width: Option<u16>) -> String {
        let mut text = table::fields(self.fields, of, width);
        for (title, at, columns) in self.lists {
            if let Some(rows) = of.pointer(at).and_then(Value::as_array).filter(|rows| !rows.is_empty()) {
                text.push_str(&format!("\n{title}\n{}", table::rows(columns, rows, width)));
            }
        }
        for (title, at) in self.documents {
            if let Some(document) = of.pointer(at).filter(|document| !document.is_null()) {
                text.push_str(&format!("\n{title}\n{}", pretty(document)));
            }
        }
        text
    }
}

fn pretty(document: &Value) -> String {
    let text = format!("{document:#}");
    text.lines().map(|line| table::clean(line) + "\n").collect()
}
