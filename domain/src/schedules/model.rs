//! Jobs that were asked for, and schedules.

mod schedule;

use std::time::Duration;

use serde_json::{Map, Value};
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::ctx::{Malformed, TenantId};
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;
use crate::kernel::job::NewJob;

use super::definitions::{Definition, StartedBy};
use super::rules;

pub(super) use schedule::stored_tenant;
pub use schedule::{Cause, Enabled, Fired, Schedule, ScheduleDescription, ScheduleDetail, ScheduleName};

/// A job of a definition, whose parameters and tenant are what the definition asks for.
#[derive(Clone)]
pub struct Order {
    /// Of which definition.
    pub definition: &'static Definition,
    /// Whose data it is about, if anybody's.
    pub tenant: Option<TenantId>,
    /// As the definition's type writes them.
    pub parameters: Value,
}

impl Order {
    /// # Errors
    /// A rejection that names every field that is wrong: `/definition`, `/tenantId`, or one below `/parameters`.
    pub fn parse(
        definition: &str,
        tenant: Option<&str>,
        parameters: Map<String, Value>,
        started_by: StartedBy,
    ) -> Result<Self, Rejection> {
        let definition = rules::definition(definition, started_by).map_err(|wrong| Rejection::invalid(vec![wrong]))?;
        let tenant = tenant.map(parse_tenant).transpose();
        let tenant = tenant.and_then(|tenant| rules::fits(definition, tenant));
        match (tenant, definition.parameters(parameters, "/parameters")) {
            (Ok(tenant), Ok(parameters)) => Ok(Self { definition, tenant, parameters }),
            (tenant, parameters) => Err(Rejection::invalid(tenant.err().into_iter().chain(parameters.err()).collect())),
        }
    }

    /// A job of a schedule, after those before it.
    pub(super) fn job_of(&self, schedule: Uuid) -> NewJob {
        let subject = format!("schedules/{schedule}");
        NewJob { ordering_key: Some(subject.clone()), ..self.job(subject, Duration::ZERO) }
    }

    /// The job, due after `delay`.
    pub(super) fn job(&self, subject: String, delay: Duration) -> NewJob {
        NewJob {
            id: Ulid::from(Uuid::now_v7()),
            queue: self.definition.queue,
            kind: self.definition.kind,
            payload: self.parameters.to_string().into_bytes(),
            ordering_key: None,
            priority: 0,
            delay,
            subject: Some(subject),
        }
    }
}

fn parse_tenant(text: &str) -> Result<TenantId, FieldError> {
    text.parse().map_err(|malformed: Malformed| input::wrong("/tenantId", "malformed", malformed.to_string()))
}
