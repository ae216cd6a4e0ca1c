//! A job as an operator asks for it.

use domain::operations::Reason;
use domain::schedules::{Order, StartJob, StartedBy};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::{Input, Wrong};
use crate::parameters::instant;

/// A job to start.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewJob, example = json!({
    "definition": "clean-up", "parameters": {"keepDays": 3}, "reason": "The disk is almost full"
}))]
pub(in super::super) struct NewJob {
    /// The name of one that may be started by hand.
    #[schema(min_length = 1, max_length = 100)]
    definition: String,
    /// As the definition's schema says; `{}` if they are left out.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    parameters: Map<String, Value>,
    /// Whose data it is about; for a definition that concerns a tenant, and for no other.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant_id: Option<String>,
    /// Not before; at once if that has passed.
    #[schema(value_type = Option<DateTime<Utc>>)]
    run_at: Option<String>,
    /// One line; kept with the job's start.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for NewJob {
    type Parsed = StartJob;

    fn parse(self, wrong: &mut Wrong) -> Option<StartJob> {
        let tenant = self.tenant_id.as_deref();
        let order = wrong.take_checked(Order::parse(&self.definition, tenant, self.parameters, StartedBy::Hand));
        let run_at = wrong.take_optional(self.run_at.map(|at| instant(&at, "/runAt")));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        Some(StartJob { order: order?, run_at: run_at?, reason: reason? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_job_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "job_bodies", fuzz::body::<NewJob>);
    }
}
