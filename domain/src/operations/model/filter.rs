//! Which jobs are meant.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ulid::Ulid;

use super::fingerprint::Fingerprint;
use super::state::{DeadReason, JobState, Place};
use crate::kernel::ctx::{CorrelationId, TenantId};
use crate::kernel::page::SearchText;

/// Every given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Waits, or waited, there.
    pub queue: Option<SearchText>,
    /// Is in this state.
    pub state: Option<JobState>,
    /// Is of this kind: `publish-event.v1`.
    pub kind: Option<SearchText>,
    /// Belongs to this tenant.
    pub tenant: Option<TenantId>,
    /// Is about exactly this: `customers/{id}`.
    pub subject: Option<SearchText>,
    /// Belongs to what this request caused.
    pub correlation_id: Option<CorrelationId>,
    /// The last error contains this, in upper or lower case.
    pub error: Option<SearchText>,
    /// The last failure has this fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// Is a dead letter for this reason.
    pub reason: Option<DeadReason>,
    /// Created then or later.
    pub created_from: Option<DateTime<Utc>>,
    /// Created before.
    pub created_to: Option<DateTime<Utc>>,
}

/// A filter as the statements want it.
pub(in crate::operations) struct Columns<'a> {
    pub(in crate::operations) queue: Option<&'a str>,
    pub(in crate::operations) state: Option<&'static str>,
    pub(in crate::operations) kind: Option<&'a str>,
    pub(in crate::operations) tenant: Option<&'a str>,
    pub(in crate::operations) subject: Option<&'a str>,
    pub(in crate::operations) correlation_id: Option<&'a str>,
    pub(in crate::operations) reason: Option<&'static str>,
    pub(in crate::operations) fingerprint: Option<&'a str>,
    /// A pattern for `ilike`.
    pub(in crate::operations) error: Option<String>,
    pub(in crate::operations) created_from: Option<DateTime<Utc>>,
    /// No job created since then has a lower id.
    pub(in crate::operations) first_id: Option<String>,
    pub(in crate::operations) created_to: Option<DateTime<Utc>>,
    /// No job created before then has a higher id.
    pub(in crate::operations) last_id: Option<String>,
}

/// Ids carry the time of the clock that made them, rows that of the database. The lists are
/// searched by id, so a job of a host whose clock is further off than this can be missed by
/// `created_from` and `created_to`; nothing else depends on it.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

impl JobFilter {
    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The tables that can have such jobs.
    pub(in crate::operations) fn places(&self) -> Vec<String> {
        let possible = |place: &Place| {
            self.state.is_none_or(|state| state.place() == *place)
                && (self.reason.is_none() || *place == Place::Dead)
                && (self.fingerprint.is_none() || *place != Place::Completed)
        };
        Place::ALL.iter().filter(|place| possible(place)).map(|place| place.as_str().to_owned()).collect()
    }

    pub(in crate::operations) fn columns(&self) -> Columns<'_> {
        let (from, to) = (self.created_from.map(representable), self.created_to.map(representable));
        Columns {
            queue: self.queue.as_ref().map(SearchText::as_str),
            state: self.state.map(JobState::as_str),
            kind: self.kind.as_ref().map(SearchText::as_str),
            tenant: self.tenant.as_ref().map(TenantId::as_str),
            subject: self.subject.as_ref().map(SearchText::as_str),
            correlation_id: self.correlation_id.as_ref().map(CorrelationId::as_str),
            reason: self.reason.map(DeadReason::as_str),
            fingerprint: self.fingerprint.as_ref().map(Fingerprint::as_str),
            error: self.error.as_ref().map(|text| contains(text.as_str())),
            created_from: from,
            first_id: from.map(|at| first_id_at(at - CLOCKS_DIFFER)),
            created_to: to,
            last_id: to.map(|at| first_id_at(at + CLOCKS_DIFFER)),
        }
    }
}

/// Within the times that PostgreSQL and a ULID can both express, which none of our jobs leaves.
fn representable(at: DateTime<Utc>) -> DateTime<Utc> {
    const YEAR_9999: i64 = 253_370_764_800;
    at.clamp(DateTime::UNIX_EPOCH, DateTime::from_timestamp(YEAR_9999, 0).unwrap_or(at))
}

fn first_id_at(at: DateTime<Utc>) -> String {
    Ulid::from_parts(u64::try_from(at.timestamp_millis()).unwrap_or(0), 0).to_string()
}

/// A pattern for `ilike` that finds the text itself, whatever characters it has.
fn contains(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_no_character_for_a_wildcard() {
        assert_eq!(contains(r"100%_\"), r"%100\%\_\\%");
    }

    #[test]
    fn a_filter_looks_only_where_such_jobs_can_be() {
        let places = |filter: JobFilter| filter.places().join(" ");
        assert_eq!(places(JobFilter::default()), "live completed dead");
        assert_eq!(places(JobFilter { state: Some(JobState::Blocked), ..JobFilter::default() }), "live");
        assert_eq!(places(JobFilter { state: Some(JobState::Cancelled), ..JobFilter::default() }), "completed");
        assert_eq!(places(JobFilter { reason: Some(DeadReason::Permanent), ..JobFilter::default() }), "dead");
        let fingerprint = Some(Fingerprint::parse("0123456789abcdef", "").unwrap());
        assert_eq!(places(JobFilter { fingerprint, ..JobFilter::default() }), "live dead");
        let neither =
            JobFilter { reason: Some(DeadReason::Permanent), state: Some(JobState::Running), ..JobFilter::default() };
        assert_eq!(places(neither), "");
    }

    #[test]
    fn times_that_no_job_can_have_are_no_fault() {
        for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, DateTime::UNIX_EPOCH] {
            let filter = JobFilter { created_from: Some(at), created_to: Some(at), ..JobFilter::default() };
            assert_eq!(filter.columns().first_id.map(|id| id.len()), Some(26), "{at}");
        }
    }

    #[test]
    fn an_empty_filter_knows_it() {
        assert!(JobFilter::default().is_empty());
        assert!(!JobFilter { created_from: Some(Utc::now()), ..JobFilter::default() }.is_empty());
    }
}
