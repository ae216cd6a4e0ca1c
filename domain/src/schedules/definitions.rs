//! Which jobs may be started by hand, or by a schedule: one entry each. What a job's parameters are follows from its
//! argument type, and so does their JSON Schema.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::audit::RebuildDocuments;
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;
use crate::kernel::job::Job;
use crate::operations::CleanUp;

use super::rules;

/// THE list.
pub static DEFINITIONS: [Definition; 2] = [
    Definition::of::<CleanUp>(
        About {
            name: "clean-up",
            title: "Clean up",
            description: "Deletes completed jobs and histories that are older than `keepDays`, expired idempotency keys, \
                          and workers that are gone. Workers do the same by themselves with the retention that is \
                          configured; this keeps less, now.",
        },
        Concerns::Installation,
        &[StartedBy::Hand, StartedBy::Schedule],
    ),
    Definition::of::<RebuildDocuments>(
        About {
            name: "rebuild-documents",
            title: "Rebuild documents",
            description: "Makes the audit documents of a tenant anew from the event log: those that are missing, stayed \
                          behind, or say something else than their event. It reads the whole log, so no schedule \
                          should.",
        },
        Concerns::Tenant,
        &[StartedBy::Hand],
    ),
];

/// A kind of job that may be started.
pub struct Definition {
    /// What callers name, and people read.
    pub about: About,
    /// [`Job::KIND`].
    pub kind: &'static str,
    /// [`Job::QUEUE`].
    pub queue: &'static str,
    /// Whether its jobs need a tenant.
    pub concerns: Concerns,
    /// Who may start it.
    pub started_by: &'static [StartedBy],
    schema: fn() -> Value,
    parse: fn(&Value) -> Result<Value, (String, String)>,
}

/// What a definition is.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Never changes: schedules refer to it.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What its jobs do, and when one wants that.
    pub description: &'static str,
}

/// Whose data a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// That of a tenant, who must be named.
    Tenant,
    /// Nobody's in particular.
    Installation,
}

/// Who starts a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartedBy {
    /// An operator.
    Hand,
    /// A schedule.
    Schedule,
}

impl Concerns {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Installation => "installation",
        }
    }
}

impl StartedBy {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Schedule => "schedule",
        }
    }
}

impl Definition {
    const fn of<J: Job + JsonSchema>(about: About, concerns: Concerns, started_by: &'static [StartedBy]) -> Self {
        Self { about, kind: J::KIND, queue: J::QUEUE, concerns, started_by, schema: schema::<J>, parse: parse::<J> }
    }

    /// The definition of this name.
    ///
    /// # Errors
    /// `job_definition_not_found`.
    pub fn named(name: &str) -> Result<&'static Self, Rejection> {
        let found = DEFINITIONS.iter().find(|definition| definition.about.name == name);
        found.ok_or_else(rules::definition_not_found)
    }

    /// JSON Schema of the parameters.
    pub fn parameters_schema(&self) -> Value {
        (self.schema)()
    }

    /// The parameters with what was left out, as they will be the job's arguments.
    ///
    /// # Errors
    /// Points below `pointer` to the first that is wrong; code `parameter_invalid`.
    pub fn parameters(&self, given: Map<String, Value>, pointer: &str) -> Result<Value, FieldError> {
        let wrong = |(at, detail): (String, String)| {
            let detail =
                format!("{detail}; what {} takes is told by GET /v1/admin/job-definitions/{0}", self.about.name);
            input::wrong(&format!("{pointer}{at}"), "parameter_invalid", detail)
        };
        (self.parse)(&Value::Object(given)).map_err(wrong)
    }
}

fn schema<J: JsonSchema>() -> Value {
    SchemaGenerator::default().into_root_schema_for::<J>().to_value()
}

/// There and back, so that what is left out becomes what is meant; or where something is wrong, and what.
fn parse<J: Job>(given: &Value) -> Result<Value, (String, String)> {
    let args: J = serde_path_to_error::deserialize(given).map_err(|error| {
        let message = error.inner().to_string();
        (pointer(error.path(), &message), message)
    })?;
    serde_json::to_value(&args).map_err(|error| (String::new(), error.to_string()))
}

/// RFC 6901. The path of a missing field ends at the object that lacks it.
fn pointer(path: &serde_path_to_error::Path, message: &str) -> String {
    use serde_path_to_error::Segment;
    let mut parts: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } | Segment::Enum { variant: key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Unknown => None,
        })
        .collect();
    parts.extend(message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()).map(str::to_owned));
    parts.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(name: &str, given: Value) -> Result<Value, (String, String)> {
        let Value::Object(given) = given else { panic!("{given} is no object") };
        let definition = Definition::named(name).unwrap();
        definition.parameters(given, "/parameters").map_err(|wrong| (wrong.pointer, wrong.detail))
    }

    #[test]
    fn names_are_unique_and_fit_into_a_path() {
        let names: std::collections::BTreeSet<_> = DEFINITIONS.iter().map(|d| d.about.name).collect();
        assert_eq!(names.len(), DEFINITIONS.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{names:?}");
        assert!(DEFINITIONS.iter().all(|d| !d.started_by.is_empty()));
    }

    #[test]
    fn schemas_come_from_the_argument_types() {
        let all: Vec<_> = DEFINITIONS.iter().map(|d| (d.about.name, d.parameters_schema())).collect();
        insta::assert_json_snapshot!(all);
    }

    #[test]
    fn what_is_right_is_kept_as_the_type_writes_it() {
        assert_eq!(checked("clean-up", json!({"keepDays": 3})), Ok(json!({"keepDays": 3})));
        assert_eq!(checked("rebuild-documents", json!({})), Ok(json!({})));
        let one = json!({"entity": "orders"});
        assert_eq!(checked("rebuild-documents", one.clone()), Ok(one));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (name, given, pointer, detail) in [
            ("clean-up", json!({}), "/parameters/keepDays", "missing field `keepDays`"),
            ("clean-up", json!({"keepDays": 0}), "/parameters/keepDays", "must be a number of days from 1 to 3650"),
            ("clean-up", json!({"keepDays": "7"}), "/parameters/keepDays", "invalid type: string \"7\""),
            (
                "clean-up",
                json!({"keepDays": 7, "a/b": 1}),
                "/parameters/a~1b",
                "unknown field `a/b`, expected `keepDays`",
            ),
            (
                "rebuild-documents",
                json!({"entity": "order"}),
                "/parameters/entity",
                "unknown variant `order`, expected one of",
            ),
        ] {
            let (at, said) = checked(name, given).unwrap_err();
            assert_eq!(at, pointer);
            assert!(said.starts_with(detail), "{said}");
            assert!(said.ends_with(&format!("GET /v1/admin/job-definitions/{name}")), "{said}");
        }
    }
}
