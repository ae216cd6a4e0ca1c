//! What an operation would do.

use crate::kernel::page::Page;

/// What would happen to a dead letter, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Verdict {
    /// The action is done; what is retried can run.
    Ready,
    /// Its consumer has handled its event: retried, it completes, and nothing happens twice.
    AlreadyProcessed,
    /// Retried, it waits for an earlier job of its key.
    Blocked,
    /// It goes to an endpoint that is switched off: retried, it is not delivered.
    EndpointDisabled,
    /// Its kind cannot read the payload: retried, it is a dead letter again at once.
    PayloadInvalid,
    /// Nothing: it is no dead letter any more, or has never been, or is not in the state that the action takes.
    NoLongerDead,
}

/// What an operation would do, now.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Of everything selected; none on the pages after the first.
    pub totals: Option<PreviewTotals>,
    /// One by one, in the order of their ids.
    pub items: Page<PreviewItem>,
}

/// How many there are of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PreviewTotals {
    /// All of them; 100,000 at most.
    pub selected: usize,
    /// There are more than an operation can be on.
    pub too_many: bool,
    /// [`Verdict::Ready`].
    pub ready: usize,
    /// [`Verdict::AlreadyProcessed`].
    pub already_processed: usize,
    /// [`Verdict::Blocked`].
    pub blocked: usize,
    /// [`Verdict::EndpointDisabled`].
    pub endpoint_disabled: usize,
    /// [`Verdict::PayloadInvalid`].
    pub payload_invalid: usize,
    /// [`Verdict::NoLongerDead`].
    pub no_longer_dead: usize,
    /// Payloads that were looked at: the first ones, up to 32 MiB of them.
    pub payloads_checked: usize,
}

/// What would happen to one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewItem {
    /// The job.
    pub job_id: String,
    /// What would happen.
    pub verdict: Verdict,
    /// Its queue; none of what is no dead letter.
    pub queue: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// Whose it is, if anybody's.
    pub tenant: Option<String>,
    /// The first job that holds it back.
    pub blocked_by: Option<String>,
    /// What of the payload is wrong, as a JSON pointer; empty for all of it.
    pub pointer: Option<String>,
    /// In words.
    pub detail: Option<String>,
}

impl Verdict {
    /// As it is written in JSON, and stored of what is skipped.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::AlreadyProcessed => "already_processed",
            Self::Blocked => "blocked",
            Self::EndpointDisabled => "endpoint_disabled",
            Self::PayloadInvalid => "payload_invalid",
            Self::NoLongerDead => "no_longer_dead",
        }
    }
}

impl PreviewTotals {
    pub(in crate::operations::bulk) fn count(&mut self, verdict: Verdict) {
        self.selected += 1;
        *match verdict {
            Verdict::Ready => &mut self.ready,
            Verdict::AlreadyProcessed => &mut self.already_processed,
            Verdict::Blocked => &mut self.blocked,
            Verdict::EndpointDisabled => &mut self.endpoint_disabled,
            Verdict::PayloadInvalid => &mut self.payload_invalid,
            Verdict::NoLongerDead => &mut self.no_longer_dead,
        } += 1;
    }
}
