//! When a schedule is due: a cron expression, as the clocks of a time zone show it.
//!
//! When clocks are changed: a time that is left out happens once, right after the change; one that comes twice
//! happens the first time; and what recurs within the hour (`*/15 * * * *`) goes on as if nothing had happened.

use std::fmt;
use std::sync::LazyLock;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use crate::kernel::error::FieldError;
use crate::kernel::input;

const EXAMPLES: &str = "five fields (minute, hour, day of month, month, day of week) such as \"0 7 * * MON-FRI\" for \
                        7:00 on working days, \"*/15 * * * *\" for every quarter of an hour, \"30 3 1 * *\" for 3:30 on \
                        the first of the month, or @hourly, @daily, @weekly, @monthly, @yearly";

static PARSER: LazyLock<CronParser> =
    LazyLock::new(|| CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build());

/// A cron expression of five fields that is due at some time.
#[derive(Clone)]
pub struct Cron {
    text: String,
    parsed: croner::Cron,
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeZone(Tz);

/// A cron expression in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The expression.
    pub cron: Cron,
    /// Whose clocks it is about.
    pub time_zone: TimeZone,
}

impl Cron {
    /// # Errors
    /// Names `pointer` and shows examples; codes `cron_invalid`, `cron_never_due`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let text = input::line(text, pointer, 100)?;
        let invalid = |error| input::wrong(pointer, "cron_invalid", format!("{error}; write {EXAMPLES}"));
        let parsed = PARSER.parse(&text).map_err(invalid)?;
        // no expression has a year, so what is never due after this date is never due at all
        match parsed.find_next_occurrence(&DateTime::<Utc>::UNIX_EPOCH, false) {
            Ok(_) => Ok(Self { text, parsed }),
            Err(_) => {
                let detail = format!("there is no such day in any month; write {EXAMPLES}");
                Err(input::wrong(pointer, "cron_never_due", detail))
            }
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl TimeZone {
    /// # Errors
    /// Names `pointer`; code `time_zone_unknown`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        text.parse().map(Self).map_err(|_| {
            let detail = "must be a name of the IANA time zone database, such as Europe/Amsterdam, or UTC";
            input::wrong(pointer, "time_zone_unknown", detail)
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl Timing {
    /// The first due time after this one; none in the next two thousand years.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // due times are whole seconds, and one that is almost over is over
        let local = time.trunc_subsecs(0).with_timezone(&self.time_zone.0);
        self.cron.parsed.find_next_occurrence(&local, false).ok().map(|due| due.to_utc())
    }

    /// The due times from the first one on, which is given: later ones follow from it.
    pub fn from(&self, first: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(Some(first), |due| self.after(*due))
    }
}

/// What becomes of due times that passed while no worker ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// One job for the last of them.
    Once,
    /// A job for each, up to a limit: then the last ones.
    All,
}

impl Missed {
    /// # Errors
    /// Names `pointer`; code `missed_invalid`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        match text {
            "skip" => Ok(Self::Skip),
            "once" => Ok(Self::Once),
            "all" => Ok(Self::All),
            _ => Err(input::wrong(pointer, "missed_invalid", "must be skip, once or all")),
        }
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// How many missed jobs are made up for at most: 1 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedLimit(i32);

impl Default for MissedLimit {
    fn default() -> Self {
        Self(100)
    }
}

impl MissedLimit {
    /// # Errors
    /// Names `pointer`; code `missed_limit_invalid`.
    pub fn new(limit: i64, pointer: &str) -> Result<Self, FieldError> {
        match i32::try_from(limit) {
            Ok(limit @ 1..=1000) => Ok(Self(limit)),
            _ => Err(input::wrong(pointer, "missed_limit_invalid", "missedLimit is a number from 1 to 1000")),
        }
    }

    /// The number itself.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// What a schedule has to do at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// The due times that get a job, oldest first.
    pub(super) fires: Vec<DateTime<Utc>>,
    /// The last one that passed, if none gets a job.
    pub(super) passed: Option<DateTime<Utc>>,
    /// How many passed before these.
    pub(super) skipped: i32,
    /// When it is due again.
    pub(super) next: Option<DateTime<Utc>>,
}

/// A job that starts so long after its due time starts on time: workers take a moment to be replaced.
const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// Due times are counted as far back as this; those before are forgotten.
const LOOK_BACK: TimeDelta = TimeDelta::days(366);

/// Whether a job for this due time starts on time.
pub(super) fn on_time(due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - due <= ON_TIME
}

/// What to do now, if `next_due` was the next due time: it has passed.
pub(super) fn due(
    timing: &Timing,
    next_due: DateTime<Utc>,
    now: DateTime<Utc>,
    (missed, limit): (Missed, MissedLimit),
) -> Due {
    let most = if missed == Missed::All { limit.get().unsigned_abs() as usize } else { 1 };
    let mut times = std::collections::VecDeque::from([next_due]);
    let (mut skipped, mut next) = (0, timing.after(next_due.max(now - LOOK_BACK)));
    while let Some(time) = next.filter(|time| *time <= now) {
        times.push_back(time);
        if times.len() > most {
            times.pop_front();
            skipped += 1;
        }
        next = timing.after(time);
    }
    let last = times.back().copied();
    match missed {
        Missed::Skip if !last.is_some_and(|last| on_time(last, now)) => {
            Due { fires: Vec::new(), passed: last, skipped, next }
        }
        _ => Due { fires: times.into(), passed: None, skipped, next },
    }
}

#[cfg(test)]
mod tests;
