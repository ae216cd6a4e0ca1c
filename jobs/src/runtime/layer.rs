//! The outermost layer around every job: waits for its turn, bounds its time, catches its panics,
//! and reports how it ended.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tower::{Layer, Service};

use super::claim::{self, ClaimedJob};
use super::outcome::{JobError, JobResult};
use super::queue::Queue;

#[derive(Clone)]
pub(crate) struct OutcomeLayer(pub(crate) Arc<Queue>);

impl<S> Layer<S> for OutcomeLayer {
    type Service = OutcomeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OutcomeService { queue: self.0.clone(), inner }
    }
}

pub(crate) struct OutcomeService<S> {
    queue: Arc<Queue>,
    inner: S,
}

impl<S> Service<Task<ClaimedJob>> for OutcomeService<S>
where
    S: Service<Task<ClaimedJob>, Response = (), Error = BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, task: Task<ClaimedJob>) -> Self::Future {
        let queue = self.queue.clone();
        // the payload is the handler's; the rest is needed to write down how it ended
        let job = task.args.without_payload();
        // a handler may panic before it returns a future
        let attempt = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(task)));
        async move {
            match attempt {
                Ok(attempt) => run(queue, job, attempt).await,
                Err(panic) => queue.finish(job, Err(panicked(&*panic)), Instant::now()),
            }
            Ok(())
        }
        .boxed()
    }
}

async fn run<F>(queue: Arc<Queue>, job: ClaimedJob, attempt: F)
where
    F: Future<Output = Result<(), BoxDynError>> + Send,
{
    if job.suspect {
        let _alone = queue.solo.write().await;
        match claim::mark_alone(&queue.db, &job, &queue.worker).await {
            Ok(true) => {
                let id = job.id.clone();
                if job.crashes >= queue.policy.max_crashes {
                    let error = JobError::CrashLoop(job.crashes);
                    queue.finish(job, Err(error), Instant::now());
                } else {
                    finish(&queue, job, attempt).await;
                }
                // still marked as running alone: the next crash would be charged to it
                queue.until_settled(&id).await;
            }
            // not ours any more, or nobody knows: it must not run unmarked
            Ok(false) | Err(_) => queue.finish(job, Err(JobError::Snooze(Duration::from_secs(1))), Instant::now()),
        }
    } else {
        let _together = queue.solo.read().await;
        finish(&queue, job, attempt).await;
    }
}

async fn finish<F>(queue: &Queue, job: ClaimedJob, attempt: F)
where
    F: Future<Output = Result<(), BoxDynError>> + Send,
{
    let started = Instant::now();
    let limit = Duration::from_millis(queue.policy.timeout_ms);
    let result = match tokio::time::timeout(limit, AssertUnwindSafe(attempt).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(typed(error)),
        Ok(Err(panic)) => Err(panicked(&*panic)),
        Err(_) => Err(JobError::Transient {
            class: "timeout",
            message: format!("did not finish within {} ms", queue.policy.timeout_ms),
        }),
    };
    queue.finish(job, result, started);
}

fn typed(error: BoxDynError) -> JobError {
    match error.downcast::<JobError>() {
        Ok(error) => *error,
        Err(other) => JobError::Transient { class: "internal", message: other.to_string() },
    }
}

fn panicked(panic: &(dyn Any + Send)) -> JobError {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    JobError::Transient { class: "panic", message: format!("panicked: {}", text.unwrap_or("(no message)")) }
}

/// The innermost service: runs the handler of the job's kind.
pub(crate) fn handler(
    queue: &Queue,
) -> impl Service<Task<ClaimedJob>, Response = (), Error = JobError, Future = BoxFuture<'static, JobResult>>
+ Clone
+ Send
+ use<> {
    let (kinds, db) = (queue.kinds.clone(), queue.db.clone());
    tower::service_fn(move |task: Task<ClaimedJob>| kinds.run(task.args, db.clone()))
}
