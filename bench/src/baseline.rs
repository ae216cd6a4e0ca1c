//! `bench/baseline.json`: the ratios of an accepted run, by part and variant, and the comparison
//! with them. Ratios, because values of another machine say nothing.

use serde_json::{Map, Value, json};

use crate::plan::Part;
use crate::report::Report;

/// A ratio that is worse by more than this share is a regression.
const TOLERANCE: f64 = 0.15;

/// The file's content for these figures. `before` is what it held: parts that were not measured
/// stay in it.
pub(crate) fn write(report: &Report, before: &Value) -> Value {
    let mut ratios = before["ratios"].as_object().cloned().unwrap_or_default();
    for (part, variants) in report.parts.iter().filter(|(part, _)| !part.is_floor()) {
        let of_part: Map<String, Value> =
            variants.iter().filter_map(|m| Some((m.variant.clone(), json!(rounded(m.ratio()?))))).collect();
        ratios.insert(part.name(), Value::Object(of_part));
    }
    json!({"ratios": ratios})
}

/// Regressions, one sentence each, and how many ratios were compared.
pub(crate) fn compare(report: &Report, baseline: &Value) -> (Vec<String>, usize) {
    let mut worse = Vec::new();
    let mut compared = 0;
    for (part, variants) in &report.parts {
        for measured in variants {
            let Some(before) = ratio(baseline, *part, &measured.variant) else { continue };
            let (Some(worsening), Some(now)) = (measured.worsening(before), measured.ratio()) else { continue };
            compared += 1;
            // a ratio that is not a number is a regression too
            if worsening.is_nan() || worsening > TOLERANCE {
                let percent = worsening * 100.0;
                worse.push(format!(
                    "{} {}: ratio {now:.3}, was {before:.3}: {percent:.0} % worse",
                    part.name(),
                    measured.variant
                ));
            }
        }
    }
    (worse, compared)
}

fn ratio(baseline: &Value, part: Part, variant: &str) -> Option<f64> {
    baseline["ratios"].get(part.name())?.get(variant)?.as_f64()
}

/// Three digits are more than can be repeated.
fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::{Measured, Reach};

    fn report(rate: f64, p99: f64) -> Report {
        let drain = Measured::new("20,000 jobs", "/s", vec![rate]).reach(Reach::at_least(0.6, "F1", 1000.0));
        let latency = Measured::new("p99", "ms", vec![p99]).reach(Reach::limit(10.0, "ms"));
        Report { parts: vec![(Part::B1, vec![drain]), (Part::B4, vec![latency])], ..Report::default() }
    }

    #[test]
    fn more_than_fifteen_percent_worse_is_a_regression() {
        let baseline = write(&report(800.0, 5.0), &Value::Null);
        assert_eq!(compare(&report(690.0, 5.7), &baseline), (vec![], 2));
        let (worse, _) = compare(&report(670.0, 5.8), &baseline);
        assert_eq!(
            worse,
            ["B1 20,000 jobs: ratio 0.670, was 0.800: 16 % worse", "B4 p99: ratio 0.580, was 0.500: 16 % worse"]
        );
    }

    #[test]
    fn what_was_not_measured_stays_in_the_file() {
        let before = json!({"ratios": {"B12": {"drift": 0.5}, "B1": {"old": 1.0}}});
        let after = write(&report(800.0, 5.0), &before);
        assert_eq!(after["ratios"]["B12"]["drift"], 0.5);
        assert_eq!(after["ratios"]["B1"], json!({"20,000 jobs": 0.8}));
    }

    #[test]
    fn a_new_variant_has_nothing_to_compare_with() {
        assert_eq!(compare(&report(1.0, 1000.0), &json!({"ratios": {}})), (vec![], 0));
    }
}
