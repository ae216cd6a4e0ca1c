//! Rows of JSON as a table: fitted to a terminal, and plain where somebody else reads it.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

/// A heading, and where in a row its value is: a JSON pointer.
pub(super) type Column = (&'static str, &'static str);

/// Between two columns.
const GAP: u16 = 2;
/// What stands for null.
const NULL: &str = "-";

/// Every row a line, as long as it is; for a terminal of this width lines are broken, and columns without values left
/// out. The first column, an id, is never broken.
pub(super) fn rows(columns: &[Column], rows: &[Value], width: Option<u16>) -> String {
    let has_value = |(_, at): &&Column| rows.iter().any(|row| row.pointer(at).is_some_and(|value| !value.is_null()));
    let columns: Vec<&Column> = columns.iter().filter(|column| width.is_none() || has_value(column)).collect();
    let mut table = Table::new();
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, at)| row.pointer(at).map_or(NULL.to_owned(), cell)));
    }
    fitted(table, width)
}

/// A line for each value that there is.
pub(super) fn fields(fields: &[Column], of: &Value, width: Option<u16>) -> String {
    let mut table = Table::new();
    for (name, at) in fields {
        if let Some(value) = of.pointer(at).filter(|value| !value.is_null()) {
            table.add_row([(*name).to_owned(), cell(value)]);
        }
    }
    fitted(table, width)
}

fn fitted(mut table: Table, width: Option<u16>) -> String {
    table.load_preset(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.trim_fmt() + "\n"
}

/// A value in one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::String(text) => clean(time(text).as_deref().unwrap_or(text)),
        Value::Number(number) if number.is_f64() => {
            let hundredths = number.as_f64().unwrap_or_default() * 100.0;
            (hundredths.round() / 100.0).to_string()
        }
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => clean(&other.to_string()),
    }
}

/// A time without fractions of a second.
fn time(text: &str) -> Option<String> {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let seconds = text.get(..19).filter(|head| head.bytes().enumerate().all(shape))?;
    let fraction = text[19..].strip_suffix('Z')?;
    let digits = |fraction: &str| fraction.bytes().all(|byte| byte.is_ascii_digit());
    (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits)).then(|| format!("{seconds}Z"))
}

/// Text from elsewhere must not move the cursor or change the colours of a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 4] = [("ID", "/id"), ("DIED", "/at"), ("TENANT", "/tenant"), ("ERROR", "/error")];

    fn letters() -> Vec<Value> {
        let error = "connection refused (os error 111) by the broker that is behind the firewall";
        vec![
            json!({"id": "01JGFJJZ00E008000000000103", "at": "2026-01-01T08:00:00.123456Z", "tenant": null, "error": error}),
            json!({"id": "01JGFJJZ00E008000000000104", "at": null, "error": "two\nlines \u{1b}[31m"}),
        ]
    }

    #[test]
    fn where_a_program_reads_it_each_row_is_a_line_and_nothing_is_left_out() {
        let expected = "\
ID                          DIED                  TENANT  ERROR
01JGFJJZ00E008000000000103  2026-01-01T08:00:00Z  -       connection refused (os error 111) by the broker that is behind the firewall
01JGFJJZ00E008000000000104  -                     -       two\\nlines \\u{1b}[31m
";
        assert_eq!(rows(&COLUMNS, &letters(), None), expected);
    }

    #[test]
    fn on_a_terminal_it_fits_and_ids_stay_whole() {
        let table = rows(&COLUMNS, &letters(), Some(80));
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        assert!(table.contains("01JGFJJZ00E008000000000103") && !table.contains("TENANT"), "{table}");
    }

    #[test]
    fn values_are_short() {
        let short = |value: Value| cell(&value);
        assert_eq!(short(json!(["outbox", "stock"])), "outbox, stock");
        assert_eq!(short(json!(1.5049)), "1.5");
        assert_eq!(short(json!(120)), "120");
        assert_eq!(short(json!({"a": 1})), r#"{"a":1}"#);
        for text in ["2026-01-01T08:00:00.x5Z", "2026-01-01T08:00:00", "2026-01-01 08:00:00Z", "é026-01-01T08:00:00Z"]
        {
            assert_eq!(short(json!(text)), text);
        }
    }

    #[test]
    fn fields_without_a_value_are_left_out() {
        let shown = fields(&COLUMNS, &letters()[1], None);
        assert_eq!(shown, "ID     01JGFJJZ00E008000000000104\nERROR  two\\nlines \\u{1b}[31m\n");
    }
}
