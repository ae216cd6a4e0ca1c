//! `/v1/admin/job-definitions`

use domain::schedules::{DEFINITIONS, Definition};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Found;
use crate::auth::Admin;
use crate::list::List;
use crate::parameters::Path;
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_job_definitions)).routes(routes!(get_job_definition))
}

/// List job definitions
///
/// Which jobs can be started, and the parameters they take.
#[utoipa::path(get, path = "", tag = "jobs", security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "All of them.", body = List<DefinitionBody>)))]
async fn list_job_definitions(_admin: Admin) -> Found<List<DefinitionBody>> {
    Found(List { data: DEFINITIONS.iter().map(DefinitionBody::from).collect(), next: None })
}

/// Read a job definition
///
/// With the JSON Schema of its parameters.
#[utoipa::path(get, path = "/{name}", tag = "jobs",
    params(("name" = String, Path, description = "The definition's name.", example = "clean-up")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The definition.", body = DefinitionBody),
        (status = 404, description = "`job_definition_not_found`"),
    ))]
async fn get_job_definition(_admin: Admin, Path(name): Path<String>) -> Result<Found<DefinitionBody>, Problem> {
    Ok(Found(DefinitionBody::from(Definition::named(&name)?)))
}

/// A kind of job that can be started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobDefinition)]
struct DefinitionBody {
    #[schema(example = "clean-up")]
    name: &'static str,
    #[schema(example = "Clean up")]
    title: &'static str,
    description: &'static str,
    /// How the payload of its jobs decodes.
    #[schema(example = "clean-up.v1")]
    kind: &'static str,
    /// Where they wait.
    #[schema(example = "maintenance")]
    queue: &'static str,
    /// `tenant`: its jobs need a `tenantId`; `installation`: they take none.
    #[schema(example = "installation")]
    concerns: &'static str,
    /// `hand`, `schedule`, or both.
    #[schema(example = json!(["hand", "schedule"]))]
    started_by: Vec<&'static str>,
    /// JSON Schema.
    #[schema(value_type = Object)]
    parameters: Value,
}

impl From<&Definition> for DefinitionBody {
    fn from(definition: &Definition) -> Self {
        Self {
            name: definition.about.name,
            title: definition.about.title,
            description: definition.about.description,
            kind: definition.kind,
            queue: definition.queue,
            concerns: definition.concerns.as_str(),
            started_by: definition.started_by.iter().map(|by| by.as_str()).collect(),
            parameters: definition.parameters_schema(),
        }
    }
}
