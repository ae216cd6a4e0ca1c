//! Arguments of the jobs that operators start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kernel::job::Job;

/// Delete finished jobs, their histories, expired idempotency keys and workers that are gone, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CleanUp {
    /// What finished within this many days stays.
    #[schemars(with = "u16", range(min = 1, max = 3650))]
    pub keep_days: KeepDays,
}

/// 1 to 3,650 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct KeepDays(u16);

impl KeepDays {
    /// The number itself.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for KeepDays {
    type Error = &'static str;

    fn try_from(days: i64) -> Result<Self, &'static str> {
        match u16::try_from(days) {
            Ok(days @ 1..=3650) => Ok(Self(days)),
            _ => Err("must be a number of days from 1 to 3650"),
        }
    }
}

impl From<KeepDays> for i64 {
    fn from(days: KeepDays) -> Self {
        days.0.into()
    }
}

impl Job for CleanUp {
    const KIND: &'static str = "clean-up.v1";
    const QUEUE: &'static str = "maintenance";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_younger_than_a_day_is_cleaned_up() {
        assert_eq!(KeepDays::try_from(1).map(KeepDays::get), Ok(1));
        assert_eq!(KeepDays::try_from(3650).map(KeepDays::get), Ok(3650));
        for wrong in [i64::MIN, -1, 0, 3651, 65_537] {
            assert!(KeepDays::try_from(wrong).is_err(), "{wrong}");
        }
    }
}
