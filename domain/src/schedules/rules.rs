//! Every "no" to somebody who starts jobs.

use crate::kernel::ctx::TenantId;
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;

use super::definitions::{Concerns, DEFINITIONS, Definition, StartedBy};

/// Only what is on the list is started, and only by whom it says.
pub(super) fn definition(name: &str, started_by: StartedBy) -> Result<&'static Definition, FieldError> {
    let known = DEFINITIONS.iter().filter(|definition| definition.started_by.contains(&started_by));
    known.clone().find(|definition| definition.about.name == name).ok_or_else(|| {
        let names = known.map(|definition| definition.about.name).collect::<Vec<_>>().join(", ");
        let by = match started_by {
            StartedBy::Hand => "by hand",
            StartedBy::Schedule => "by a schedule",
        };
        let detail = format!("there is no such definition that is started {by}; there are: {names}");
        input::wrong("/definition", "job_definition_unknown", detail)
    })
}

/// A job about somebody's data says whose; one about nobody's does not.
pub(super) fn fits(definition: &Definition, tenant: Option<TenantId>) -> Result<Option<TenantId>, FieldError> {
    let name = definition.about.name;
    match (definition.concerns, &tenant) {
        (Concerns::Tenant, None) => {
            let detail = format!("{name} is about the data of one tenant: say whose");
            Err(input::wrong("/tenantId", "tenant_required", detail))
        }
        (Concerns::Installation, Some(_)) => {
            let detail = format!("{name} is about no tenant's data in particular: leave it out");
            Err(input::wrong("/tenantId", "tenant_not_used", detail))
        }
        _ => Ok(tenant),
    }
}

pub(super) fn definition_not_found() -> Rejection {
    let names = DEFINITIONS.iter().map(|definition| definition.about.name).collect::<Vec<_>>().join(", ");
    Rejection::not_found("job_definition_not_found", format!("there is no such definition; there are: {names}"))
}

pub(super) fn schedule_not_found() -> Rejection {
    Rejection::not_found("schedule_not_found", "there is no schedule with this id")
}

/// Schedules are told apart by their names.
pub(super) fn name_taken() -> Rejection {
    Rejection::conflict("schedule_name_taken", "another schedule has this name; choose another one")
}

/// What a newer release made, or an older one knew.
pub(super) fn definition_gone(name: &str) -> Rejection {
    let detail =
        format!("this release has no definition {name}: delete the schedule, or wait for the release that has it");
    Rejection::conflict("schedule_definition_gone", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_definition_on_the_list_is_started_and_only_by_whom_it_says() {
        let found = |name, by| definition(name, by).map(|found| found.about.name).map_err(|wrong| wrong.code);
        assert_eq!(found("clean-up", StartedBy::Hand), Ok("clean-up"));
        assert_eq!(found("clean-up", StartedBy::Schedule), Ok("clean-up"));
        assert_eq!(found("rebuild-documents", StartedBy::Hand), Ok("rebuild-documents"));
        assert_eq!(found("rebuild-documents", StartedBy::Schedule), Err("job_definition_unknown"));
        assert_eq!(found("publish-event.v1", StartedBy::Hand), Err("job_definition_unknown"));
        let refused = definition("rebuild-documents", StartedBy::Schedule).err().unwrap();
        assert!(refused.detail.ends_with("by a schedule; there are: clean-up"), "{}", refused.detail);
    }

    #[test]
    fn a_tenant_is_given_if_and_only_if_it_is_needed() {
        let tenant: Option<TenantId> = Some("acme".parse().unwrap());
        let of = |name| Definition::named(name).unwrap();
        assert_eq!(fits(of("rebuild-documents"), tenant.clone()), Ok(tenant.clone()));
        assert_eq!(fits(of("clean-up"), None), Ok(None));
        assert_eq!(fits(of("rebuild-documents"), None).unwrap_err().code, "tenant_required");
        assert_eq!(fits(of("clean-up"), tenant).unwrap_err().code, "tenant_not_used");
    }
}
