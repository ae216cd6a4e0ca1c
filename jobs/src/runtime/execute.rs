//! Kinds of jobs and the functions that run them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use domain::kernel::job::Job;
use domain::{CorrelationId, Ctx, Db, Error, Scope, TenantId, Tx};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::claim::ClaimedJob;
use super::outcome::{JobError, JobResult};

/// What a handler knows about the job it runs.
#[derive(Clone)]
pub struct JobContext {
    /// The job's id, a ULID.
    pub id: String,
    /// The first is 1.
    pub attempt: u32,
    /// Whose data it is about, if anybody's.
    pub tenant: Option<TenantId>,
    /// Shared by everything the originating request caused.
    pub correlation_id: CorrelationId,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// To run domain commands with.
    pub db: Db,
}

/// A job that has used up its attempts, or failed for good; given to its kind's hook.
#[derive(Debug, Clone)]
pub struct Exhausted {
    /// The job's id, a ULID.
    pub id: String,
    /// Its arguments, as stored.
    pub payload: Vec<u8>,
    /// The last error.
    pub error: JobError,
}

type Handler = Arc<dyn Fn(Vec<u8>, JobContext) -> BoxFuture<'static, JobResult> + Send + Sync>;
type Hook = Arc<dyn for<'a> Fn(Exhausted, &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> + Send + Sync>;

/// Every kind of job this program can run.
#[derive(Clone, Default)]
pub struct Kinds(BTreeMap<&'static str, Kind>);

#[derive(Clone)]
struct Kind {
    queues: BTreeSet<&'static str>,
    handler: Handler,
    on_exhausted: Option<Hook>,
}

impl Kinds {
    /// Adds a kind. Arguments that do not decode are a permanent failure of class `undecodable`.
    #[must_use]
    pub fn job<J, H, F>(mut self, handler: H) -> Self
    where
        J: Job,
        H: Fn(J, JobContext) -> F + Send + Sync + 'static,
        F: Future<Output = JobResult> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |payload, context| match serde_json::from_slice::<J>(&payload) {
            Ok(args) => handler(args, context).boxed(),
            Err(error) => {
                let error = JobError::Undecodable(format!("the arguments of {} do not decode: {error}", J::KIND));
                std::future::ready(Err(error)).boxed()
            }
        });
        self.0.insert(J::KIND, Kind { queues: BTreeSet::from([J::QUEUE]), handler, on_exhausted: None });
        self
    }

    /// Lets a kind react to becoming a dead letter, in the transaction that makes it one.
    #[must_use]
    pub fn on_exhausted<J, H>(mut self, hook: H) -> Self
    where
        J: Job,
        H: for<'a> Fn(Exhausted, &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> + Send + Sync + 'static,
    {
        if let Some(kind) = self.0.get_mut(J::KIND) {
            kind.on_exhausted = Some(Arc::new(hook));
        }
        self
    }

    /// Lets jobs of a kind wait in other queues than its own.
    #[must_use]
    pub fn also_in<J: Job>(mut self, queues: &BTreeSet<&'static str>) -> Self {
        if let Some(kind) = self.0.get_mut(J::KIND) {
            kind.queues.extend(queues);
        }
        self
    }

    /// Whether something runs this kind.
    pub fn knows(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    /// The queues these kinds wait in.
    pub fn queues(&self) -> BTreeSet<&'static str> {
        self.0.values().flat_map(|kind| kind.queues.iter().copied()).collect()
    }

    /// The queues in which something reacts to becoming a dead letter.
    pub(crate) fn queues_with_hooks(&self) -> BTreeSet<&'static str> {
        let with_hook = self.0.values().filter(|kind| kind.on_exhausted.is_some());
        with_hook.flat_map(|kind| kind.queues.iter().copied()).collect()
    }

    pub(crate) fn hook(&self, kind: &str) -> Option<Hook> {
        self.0.get(kind).and_then(|kind| kind.on_exhausted.clone())
    }

    /// Runs a job. A kind nobody here knows is tried again later: during a rolling release another
    /// worker may know it.
    pub(crate) fn run(&self, job: ClaimedJob, db: Db) -> BoxFuture<'static, JobResult> {
        let Some(kind) = self.0.get(job.kind.as_str()) else {
            let message = format!("no handler for kind {}", job.kind);
            return std::future::ready(Err(JobError::Transient { class: "unknown_kind", message })).boxed();
        };
        match context(&job, db) {
            Ok(context) => (kind.handler)(job.payload, context),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }
}

fn context(job: &ClaimedJob, db: Db) -> Result<JobContext, JobError> {
    let undecodable = |e: domain::kernel::ctx::Malformed| JobError::Undecodable(e.to_string());
    Ok(JobContext {
        id: job.id.clone(),
        attempt: job.attempt(),
        tenant: job.tenant_id.as_deref().map(str::parse).transpose().map_err(undecodable)?,
        correlation_id: match job.correlation_id.as_deref() {
            Some(id) => id.parse().map_err(undecodable)?,
            None => CorrelationId::generate(),
        },
        traceparent: job.traceparent.clone(),
        db,
    })
}

/// The circumstances in which a job's own domain commands run.
pub(crate) fn ctx_of(context: &JobContext, worker: &str) -> Result<Ctx, JobError> {
    Ok(Ctx {
        scope: context.tenant.clone().map_or(Scope::Process, Scope::Tenant),
        actor: worker.parse().map_err(|e: domain::kernel::ctx::Malformed| JobError::Undecodable(e.to_string()))?,
        roles: Vec::new(),
        correlation_id: context.correlation_id.clone(),
        causation_id: context.id.clone(),
        traceparent: context.traceparent.clone(),
    })
}

pub(crate) fn context_of(job: &ClaimedJob, db: Db) -> Result<JobContext, JobError> {
    context(job, db)
}
