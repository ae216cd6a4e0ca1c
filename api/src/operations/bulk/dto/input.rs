//! Operations as operators order them.

use domain::Rejection;
use domain::kernel::input;
use domain::kernel::page::PageSize;
use domain::messaging::Rate;
use domain::operations::bulk::{
    Action, Gradual, ItemResult, ListOperationItems, MOST_IDS, PreviewOperation, StartOperation, StopRule,
};
use domain::operations::{JobId, Reason, WhichDeadLetters};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::names::{ActionName, ItemResultName};
use crate::body::{Input, Object, Wrong};
use crate::list;
use crate::operations::input::Terms;
use crate::problem::Problem;

/// Page of a list of operations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::operations::bulk) struct OperationPage {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Operations per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// Page of an operation's items.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::operations::bulk) struct ItemPage {
    /// Only those of which this became.
    #[param(value_type = Option<ItemResultName>, inline)]
    result: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Items per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl OperationPage {
    /// # Errors
    /// 422 for a limit that is none.
    pub(in crate::operations::bulk) fn parse(self) -> Result<(Option<String>, PageSize), Problem> {
        let mut wrong = Wrong::default();
        let size = list::size(self.limit.as_deref(), &mut wrong);
        size.map(|size| (self.cursor, size)).ok_or_else(|| Rejection::invalid(wrong.into_errors()).into())
    }
}

impl ItemPage {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in crate::operations::bulk) fn query(self, id: Uuid) -> Result<ListOperationItems, Problem> {
        let mut wrong = Wrong::default();
        let result = wrong.take_optional(self.result.map(|text| ItemResult::parse(&text, "result")));
        let size = list::size(self.limit.as_deref(), &mut wrong);
        match (result, size) {
            (Some(result), Some(size)) => Ok(ListOperationItems { id, result, cursor: self.cursor, size }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// What to do to which dead letters, how and why: either `ids` or `filter`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "action": "retry", "filter": {"queue": "demo", "error": "connection refused"}, "reason": "The broker is back",
    "gradual": {"steps": [1, 10, 100], "ratePerSecond": 50, "stopWhen": {"share": 0.2, "sameFingerprint": true}},
    "dryRun": true
}))]
pub(in crate::operations::bulk) struct NewOperation {
    /// What is done to each.
    #[schema(value_type = ActionName)]
    action: String,
    /// To these.
    #[schema(min_items = 1, max_items = 10_000)]
    ids: Option<Vec<String>>,
    /// To those for which every condition holds; at least one must be given. `restore` is of those that are archived,
    /// every other action of those that are dead.
    #[schema(value_type = Option<Terms>)]
    filter: Option<Object<Terms>>,
    /// One line; kept with the operation, and in each job's history.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Of `edit_and_retry`: a merge patch (RFC 7396) of each payload. What does not fit its kind after it is skipped.
    #[schema(value_type = Option<Object>)]
    patch: Option<Map<String, Value>>,
    /// A retry in steps; all at once if it is not given.
    #[schema(value_type = Option<Steps>)]
    gradual: Option<Object<Steps>>,
    /// Only say what would happen.
    dry_run: Option<bool>,
    /// Of a dry run: `next` of the page before.
    #[schema(min_length = 1)]
    cursor: Option<String>,
    /// Of a dry run: items per page; 200 if it is not given.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// How a retry goes about it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = GradualRetry)]
struct Steps {
    /// How many items each step is of; 1, 10 and 100 if it is not given.
    #[schema(schema_with = step_sizes, required = false)]
    steps: Option<Vec<i64>>,
    /// Whether all others follow after the steps; it pauses there if not. True if it is not given.
    then_rest: Option<bool>,
    /// Items per second at most, within steps; 100 if it is not given.
    #[schema(minimum = 1, maximum = 10_000)]
    rate_per_second: Option<i64>,
    /// When it stops by itself.
    #[schema(value_type = Option<Stop>)]
    stop_when: Option<Object<Stop>>,
    /// For how many seconds the outcome of a step is waited for at most; 300 if it is not given.
    #[schema(minimum = 1, maximum = 3_600)]
    wait_seconds: Option<i64>,
}

/// When a gradual retry stops by itself.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = StopRule)]
struct Stop {
    /// When more than this share of a step failed again, of what has run; 0.2 if it is not given, 1 never stops.
    #[schema(minimum = 0, maximum = 1)]
    share: Option<f64>,
    /// Whether only that counts which failed with the same fingerprint as before. True if it is not given.
    same_fingerprint: Option<bool>,
}

/// What was asked for.
pub(in crate::operations::bulk) enum Ordered {
    Start(Box<StartOperation>),
    Preview(Box<PreviewOperation>),
}

/// A range of the items of a list, which an attribute cannot say.
fn step_sizes() -> Array {
    let size = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100_000));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(size)
        .max_items(Some(20))
        .description(Some("How many items each step is of; 1, 10 and 100 if it is not given."))
        .build()
}

impl Input for NewOperation {
    type Parsed = Ordered;

    fn parse(self, wrong: &mut Wrong) -> Option<Ordered> {
        let action = wrong.take(Action::parse(&self.action, "/action"));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        let gradual = self.gradual.map(|Object(steps)| steps.parse(wrong));
        let which = which(self.ids, self.filter, wrong);
        let dry_run = self.dry_run.unwrap_or_default();
        for (given, pointer) in [(self.cursor.is_some(), "/cursor"), (self.limit.is_some(), "/limit")] {
            if given && !dry_run {
                wrong.note(input::wrong(pointer, "dry_run_only", "only a dry run has pages: set dryRun to true"));
            }
        }
        let size = PageSize::new(self.limit.unwrap_or(200));
        let size =
            wrong.take(size.map_err(|_| input::wrong("/limit", "limit_invalid", "must be a number from 1 to 200")));
        let (action, which) = (action?, which?);
        let gradual = gradual.map_or(Some(None), |gradual| gradual.map(Some))?;
        Some(if dry_run {
            Ordered::Preview(Box::new(PreviewOperation {
                action,
                which,
                patch: self.patch,
                cursor: self.cursor,
                size: size?,
            }))
        } else {
            Ordered::Start(Box::new(StartOperation { action, which, gradual, patch: self.patch, reason: reason? }))
        })
    }
}

fn which(ids: Option<Vec<String>>, filter: Option<Object<Terms>>, wrong: &mut Wrong) -> Option<WhichDeadLetters> {
    match (ids, filter) {
        (Some(ids), None) => Some(WhichDeadLetters::Ids(ids.iter().map(|id| JobId::new(id)).collect())),
        (None, Some(Object(terms))) => {
            terms.parse("/filter/", wrong).map(|filter| WhichDeadLetters::Filter(Box::new(filter)))
        }
        _ => {
            let detail = format!("give either ids, {MOST_IDS} at most, or a filter");
            wrong.note(input::wrong("/ids", "ids_or_filter", detail));
            None
        }
    }
}

impl Steps {
    fn parse(self, wrong: &mut Wrong) -> Option<Gradual> {
        let steps = self.steps.map(|steps| Gradual::default().with_steps(&steps, "/gradual/steps"));
        let steps = wrong.take_optional(steps);
        let gradual = steps.clone().flatten().unwrap_or_default();
        let seconds = self.wait_seconds.unwrap_or(i64::from(gradual.wait_seconds()));
        let gradual = wrong.take(gradual.with_wait(seconds, "/gradual/waitSeconds"));
        let rate = wrong.take_optional(self.rate_per_second.map(|rate| Rate::new(rate, "/gradual/ratePerSecond")));
        let stop = match self.stop_when {
            Some(Object(stop)) => stop.parse(wrong),
            None => Some(StopRule::default()),
        };
        steps?;
        let mut gradual = gradual?;
        gradual.then_rest = self.then_rest.unwrap_or(true);
        gradual.rate = rate?.unwrap_or_default();
        gradual.stop = stop?;
        Some(gradual)
    }
}

impl Stop {
    fn parse(self, wrong: &mut Wrong) -> Option<StopRule> {
        let default = StopRule::default();
        let share = self.share.unwrap_or(default.share());
        let same = self.same_fingerprint.unwrap_or(default.same_fingerprint);
        wrong.take(StopRule::new(share, same, "/gradual/stopWhen/share"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_operation_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "operation_bodies", fuzz::body::<NewOperation>);
    }
}
