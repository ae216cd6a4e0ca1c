//! apalis' view of a queue: a [`Backend`] over what has been dispatched.
//!
//! It claims and completes nothing itself: those are tasks of their own, so that neither waits for
//! the worker to be polled. Errors never end the worker either, claimer and completer deal with
//! them. Inserting is not part of it: only the domain's `kernel::queue` inserts.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use domain::kernel::policy::QueuePolicy;
use ulid::Ulid;

use super::claim::ClaimedJob;
use super::layer::OutcomeLayer;
use super::queue::Queue;

pub(crate) struct QueueStorage(pub(crate) Arc<Queue>);

impl Backend for QueueStorage {
    type Task = Task<ClaimedJob>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Task<ClaimedJob>, Infallible>>> {
        self.0.dispatch().poll_next(cx).map(|job| Some(Ok(task(job))))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for QueueStorage {
    type Args = ClaimedJob;
    type Id = Ulid;
    type Kind = Ephemeral;
    type Config = QueuePolicy;
    type Layer = OutcomeLayer;

    fn config(&self) -> &QueuePolicy {
        &self.0.policy
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> OutcomeLayer {
        OutcomeLayer(self.0.clone())
    }
}

fn task(job: ClaimedJob) -> Task<ClaimedJob> {
    let id = match Ulid::from_string(&job.id) {
        Ok(ulid) => TaskId::from_ulid(ulid),
        Err(_) => TaskId::from_string(job.id.clone()),
    };
    let (attempts, max_attempts) = (job.attempts as usize, job.max_attempts as usize);
    TaskBuilder::new(job).task_id(id).attempt(attempts).max_attempts(max_attempts).build()
}
