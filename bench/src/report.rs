//! The table and the JSON file.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::measured::Measured;
use crate::plan::Part;

/// Everything that was measured, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Machine, versions and settings: names and values.
    pub(crate) circumstances: Vec<(&'static str, String)>,
    /// Parts and their variants.
    pub(crate) parts: Vec<(Part, Vec<Measured>)>,
}

impl Report {
    /// What the figures were measured on, one line each.
    pub(crate) fn header(&self) -> String {
        self.circumstances.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name:<11} {value}");
            text
        })
    }

    /// One line per variant.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<42} {:>12} {:<3} {:>8}  {:<19} ok\n", "figure", "measured", "", "ratio", "reach");
        for (part, variants) in &self.parts {
            let _ = writeln!(text, "{} {}", part.name(), part.title());
            for measured in variants {
                line(&mut text, measured);
            }
        }
        text
    }

    /// `{floors: {F1: …}, figures: {B1: …}}`. A part is its variant with the least margin, and all
    /// of them under `variants`.
    pub(crate) fn json(&self) -> Value {
        let of = |floors: bool| -> Map<String, Value> {
            let parts = self.parts.iter().filter(|(part, _)| part.is_floor() == floors);
            parts.map(|(part, variants)| (part.name(), part_json(variants))).collect()
        };
        let circumstances: Map<String, Value> =
            self.circumstances.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({"circumstances": circumstances, "floors": of(true), "figures": of(false)})
    }

    /// Those that do not reach what is asked for, as `B1 20,000 jobs`.
    pub(crate) fn missed(&self) -> Vec<String> {
        let all = self.parts.iter().flat_map(|(part, variants)| variants.iter().map(move |m| (part, m)));
        all.filter(|(_, m)| m.ok() == Some(false)).map(|(part, m)| format!("{} {}", part.name(), m.variant)).collect()
    }
}

fn line(text: &mut String, measured: &Measured) {
    let ok = measured.ok().map_or("", |ok| if ok { "yes" } else { "NO" });
    let ratio = measured.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
    let reach = measured.reach.as_ref().map_or("", |reach| reach.words());
    let _ = writeln!(
        text,
        "   {:<39} {:>12} {:<3} {ratio:>8}  {reach:<19} {ok}",
        measured.variant,
        number(measured.value()),
        measured.unit
    );
}

fn part_json(variants: &[Measured]) -> Value {
    let margin = |m: &Measured| m.margin().unwrap_or(f64::INFINITY);
    let Some(worst) = variants.iter().min_by(|a, b| margin(a).total_cmp(&margin(b))) else { return Value::Null };
    let all: Map<String, Value> = variants.iter().map(|m| (m.variant.clone(), m.json())).collect();
    let mut json = worst.json();
    json["variants"] = Value::Object(all);
    json
}

/// `12,345`, or `12.34` below a hundred.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() || value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `20,000`.
pub(crate) fn count(things: usize) -> String {
    if things < 100 { things.to_string() } else { number(things as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Reach;

    fn report() -> Report {
        let floor = Measured::new("payload dropped", "/s", vec![30_000.0]);
        let small = Measured::new("20,000 jobs", "/s", vec![24_000.0]).reach(Reach::at_least(0.6, "F1", 30_000.0));
        let large = Measured::new("200,000 jobs", "/s", vec![15_000.0]).reach(Reach::at_least(0.6, "F1", 30_000.0));
        Report {
            circumstances: vec![("cores", "2".into())],
            parts: vec![(Part::F1, vec![floor]), (Part::B1, vec![small, large])],
        }
    }

    #[test]
    fn the_file_shows_the_worst_variant_and_all_of_them() {
        let json = report().json();
        assert_eq!(json["floors"]["F1"]["value"], 30_000.0);
        assert_eq!(json["floors"]["F1"]["ok"], Value::Null);
        assert_eq!(json["figures"]["B1"]["value"], 15_000.0);
        assert_eq!(json["figures"]["B1"]["reach"], "≥ 0.6 × F1");
        assert_eq!(json["figures"]["B1"]["ok"], false);
        assert_eq!(json["figures"]["B1"]["variants"]["20,000 jobs"]["ratio"], 0.8);
    }

    #[test]
    fn the_table_has_a_line_per_variant() {
        let table = report().table();
        assert!(
            table
                .contains("20,000 jobs                                   24,000 /s      0.80  ≥ 0.6 × F1          yes"),
            "{table}"
        );
        assert!(table.contains("NO"), "{table}");
        assert_eq!(report().missed(), ["B1 200,000 jobs"]);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([number(1_234_567.4), number(999.0), number(1000.0)], ["1,234,567", "999", "1,000"]);
        assert_eq!([number(12.345), number(0.5), number(-5_000.0)], ["12.35", "0.50", "-5,000"]);
    }
}
