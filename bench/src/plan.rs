//! What there is to measure, and what of it was asked for.

use std::collections::BTreeSet;

/// A floor (what the bare servers can do) or a figure of the product, in the order of measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`title` says what each one is")]
pub(crate) enum Part {
    F1,
    F2,
    F3,
    F4,
    F5,
    B1,
    B2,
    B3,
    B4,
    B5,
    B6,
    B7,
    B8,
    B9,
    B10,
    B11,
    B12,
    B13,
}

impl Part {
    /// All of them.
    const ALL: [Self; 18] = [
        Self::F1,
        Self::F2,
        Self::F3,
        Self::F4,
        Self::F5,
        Self::B1,
        Self::B2,
        Self::B3,
        Self::B4,
        Self::B5,
        Self::B6,
        Self::B7,
        Self::B8,
        Self::B9,
        Self::B10,
        Self::B11,
        Self::B12,
        Self::B13,
    ];

    /// `B1`, as it stands in the table, the JSON file and `ONLY`.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    /// What it measures, for the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::F1 => "claim 500, delete, insert history; by hand, one connection",
            Self::F2 => "publish, 1,000 unconfirmed; by hand",
            Self::F3 => "writes of a suspend command; by hand, 8 connections",
            Self::F4 => "idle: commit, then NOTIFY to LISTEN",
            Self::F5 => "idle: publish to confirm",
            Self::B1 => "drain of ready no-op jobs",
            Self::B2 => "outbox to RabbitMQ, confirmed",
            Self::B3 => "commands over HTTP",
            Self::B4 => "commit to confirm, idle",
            Self::B5 => "commit to confirm, at half of B2",
            Self::B6 => "effects of events, three groups",
            Self::B7 => "hot keys",
            Self::B8 => "drain at depth",
            Self::B9 => "several worker processes",
            Self::B10 => "memory of the worker",
            Self::B11 => "admin lists, p95",
            Self::B12 => "endurance",
            Self::B13 => "order to confirmation",
        }
    }

    /// Whether it says what the servers can do, not what the product does.
    pub(crate) fn is_floor(self) -> bool {
        self <= Self::F5
    }

    fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|part| part.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let known: Vec<String> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no figure {name}; there are {}", known.join(", "))
        })
    }
}

/// The parts that were asked for: `B1,B4`. Without a choice all but B12, which takes half an hour.
///
/// # Errors
/// Names the part that does not exist, and those that do.
pub(crate) fn chosen(only: Option<&str>) -> Result<BTreeSet<Part>, String> {
    match only {
        None => Ok(Part::ALL.into_iter().filter(|part| *part != Part::B12).collect()),
        Some(list) => list.split([',', ' ']).filter(|name| !name.is_empty()).map(Part::parse).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_half_hour_is_measured_unless_asked() {
        let all = chosen(None).unwrap();
        assert_eq!(all.len(), Part::ALL.len() - 1);
        assert!(!all.contains(&Part::B12));
    }

    #[test]
    fn a_choice_is_a_list_of_names() {
        let some: Vec<Part> = chosen(Some("b10, F1,B4,")).unwrap().into_iter().collect();
        assert_eq!(some, [Part::F1, Part::B4, Part::B10]);
        assert!(chosen(Some("B1,B99")).unwrap_err().starts_with("there is no figure B99; there are F1, F2"));
    }

    #[test]
    fn floors_come_first() {
        assert!(Part::F5.is_floor() && !Part::B1.is_floor() && !Part::B10.is_floor());
    }
}
