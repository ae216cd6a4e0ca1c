//! An event as text for a person.

use std::fmt::Write as _;

use chrono::SecondsFormat;
use cloudevents::AttributesReader;
use lapin::BasicProperties;
use serde_json::json;

use super::Style;
use crate::bus::cloudevent::{Received, decode, structured};

/// A message as lines of text with an empty line after it, or as one line of JSON.
pub(super) fn message(properties: &BasicProperties, body: &[u8], style: Style) -> String {
    let beginning = || String::from_utf8_lossy(body).chars().take(1000).collect::<String>();
    match (decode(properties, body), style) {
        (Ok(received), Style::Plain | Style::Coloured) => event(&received, style),
        (Ok(received), Style::Json) => line(&received),
        (Err(error), Style::Plain | Style::Coloured) => {
            format!("a message that cannot be read: {error}\n  {}\n\n", printable(&beginning()))
        }
        (Err(error), Style::Json) => {
            format!("{}\n", json!({"unreadable": error.to_string(), "body": beginning()}))
        }
    }
}

/// In structured mode, whichever it came in.
fn line(received: &Received) -> String {
    let data = received.data.as_ref().map_or("null", |data| data.get());
    let written = structured(&received.attributes, data).unwrap_or_default();
    // line breaks of JSON stand between its parts: within a text they are escaped
    String::from_utf8_lossy(&written).replace(['\n', '\r'], " ") + "\n"
}

fn event(received: &Received, style: Style) -> String {
    let paint = Paint::of(style);
    let time = received.attributes.time().map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let mut text = format!(
        "{}{}{} {}{}{}\n",
        paint.dim,
        time.unwrap_or_default(),
        paint.off,
        paint.bold,
        printable(received.attributes.ty()),
        paint.off
    );
    let mut line = |label: &str, value: &str| {
        // writing to a string cannot fail
        let _ = writeln!(text, "  {}{label:<12}{}{}", paint.dim, paint.off, printable(value));
    };
    line("subject", received.subject());
    line("id", received.attributes.id());
    for (label, name) in [("tenant", "tenantid"), ("sequence", "sequence"), ("correlation", "correlationid")] {
        let value = received.extension(name).unwrap_or_else(|| "-".to_owned());
        line(label, if name == "sequence" { without_padding(&value) } else { &value });
    }
    if let Some(data) = &received.data {
        text.push_str("  ");
        text.push_str(&pretty(data.get()));
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Escape codes, or nothing.
struct Paint {
    bold: &'static str,
    dim: &'static str,
    off: &'static str,
}

impl Paint {
    fn of(style: Style) -> Self {
        match style {
            Style::Plain | Style::Json => Self { bold: "", dim: "", off: "" },
            Style::Coloured => Self { bold: "\x1b[1;36m", dim: "\x1b[2m", off: "\x1b[0m" },
        }
    }
}

fn without_padding(sequence: &str) -> &str {
    match sequence.trim_start_matches('0') {
        "" => sequence,
        trimmed => trimmed,
    }
}

/// Control characters of a message must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Valid JSON with line breaks, two spaces deep from the second line on. Members keep their order
/// and numbers their digits, which parsing would not promise.
fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 1;
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push('"');
                string(&mut chars, &mut out);
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                match chars.next_if(|c| matches!(c, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        new_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// Copies a string up to its closing quote.
fn string(chars: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        if c == '"' {
            return;
        }
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_without_touching_what_it_says() {
        let json = r#"{"b":1.10, "a" :[12345678901234567890123, {}, [ ], "x,\"{:}\\"],"c":{"d":null}}"#;
        let expected = r#"{
    "b": 1.10,
    "a": [
      12345678901234567890123,
      {},
      [],
      "x,\"{:}\\"
    ],
    "c": {
      "d": null
    }
  }"#;
        assert_eq!(pretty(json), expected);
        assert_eq!(pretty("3"), "3");
    }

    #[test]
    fn a_line_is_one_json_document_whatever_came() {
        let body = b"{\n\"specversion\":\"1.0\",\n\"id\":\"1\",\"source\":\"urn:a\",\"type\":\"t\",\"data\":{\r\n\"a\\n\": 1.10}}";
        let properties = BasicProperties::default().with_content_type("application/cloudevents+json".into());
        let text = message(&properties, body, Style::Json);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.contains("1.10") && text.contains("a\\n"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&read["id"], &read["data"]["a\n"]), (&"1".into(), &1.1.into()));

        let text = message(&BasicProperties::default(), b"\x1b[2J\n", Style::Json);
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1 && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}"), "a\\u{1b}[2Jb\\u{9b}");
        assert_eq!(pretty("\"\u{9b}\""), "\"\\u{9b}\"");
        let text = message(&BasicProperties::default(), b"\x1b[2J", Style::Plain);
        assert!(text.starts_with("a message that cannot be read") && !text.contains('\x1b'), "{text}");
    }
}
