//! What the messaging module's jobs do: publishing committed events, reading messages again, and replays.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use domain::messaging::{self, PublishEvent, ReadMessage, ReplayEvents, ReplayStep, SuspendReplay};
use domain::{Command as _, Error, Tx};

use crate::bus::consumer::{self, Intake, Unreadable};
use crate::bus::{Bus, PublishError};
use crate::metrics;
use crate::reactions::Reactions;
use crate::runtime::{Exhausted, JobContext, JobError, JobResult};

/// The name under which jobs wait for the broker.
pub const BROKER: &str = "broker";

/// Publishes one event and waits for the broker's confirm; but one of the types to `collapse` that the next event
/// of its aggregate supersedes is not published, and its job says by which.
pub(crate) async fn publish_event(
    bus: Arc<dyn Bus>,
    collapse: Arc<BTreeSet<String>>,
    job: PublishEvent,
    context: JobContext,
) -> JobResult {
    let event = &job.event;
    if collapse.contains(&event.event_type)
        && let Some(by) = messaging::superseded_by(&context.db, &context.id, &event.event_type).await?
    {
        return Err(JobError::Cancel(format!("superseded by event {by}")));
    }
    domain::fail_point!("fail-point:publishing");
    let begun = Instant::now();
    let published = bus.publish(event).await;
    metrics::published(&published, begun.elapsed());
    published.map_err(job_error)?;
    domain::fail_point!("fail-point:confirmed");
    tracing::info!(
        event_id = %event.id,
        event_type = event.event_type,
        subject = event.subject,
        attempt = context.attempt,
        "event published"
    );
    Ok(())
}

/// Reads a message again that was put back by an operator: what can be read now becomes a handler job
/// of its group, unless the group has that event already.
pub(crate) async fn read_message(reactions: Arc<Reactions>, job: ReadMessage, context: JobContext) -> JobResult {
    let intake = Intake::new(context.db, reactions);
    let unreadable = |why: Unreadable| JobError::Permanent { class: why.class, message: why.message };
    let arrival = consumer::restore(&job).map_err(unreadable)?;
    intake.read(&arrival).map_err(unreadable)?;
    Ok(intake.take(&[arrival]).await?)
}

/// Hands the next events of a replay to its consumer group.
pub(crate) async fn replay_events(reactions: Arc<Reactions>, job: ReplayEvents, context: JobContext) -> JobResult {
    match messaging::replay_step(&context.db, &job, |group| reactions.types_of(group)).await? {
        ReplayStep::Done => Ok(()),
        // another release, which runs beside this one, may know it
        ReplayStep::Unknown(message) => Err(JobError::Transient { class: "unknown_consumer", message }),
    }
}

/// A step of a replay was given up: the replay waits for an operator.
pub(crate) async fn suspend_replay(failed: Exhausted, tx: &mut Tx) -> Result<(), Error> {
    // what does not decode names no replay
    let Ok(job) = serde_json::from_slice::<ReplayEvents>(&failed.payload) else { return Ok(()) };
    SuspendReplay { job, error: failed.error.to_string() }.handle(tx).await
}

fn job_error(error: PublishError) -> JobError {
    let message = error.to_string();
    match error {
        PublishError::Unavailable(_) => JobError::Unavailable { dependency: BROKER, message },
        PublishError::Nacked(_) => JobError::Transient { class: "nacked", message },
        PublishError::Unroutable(_) => JobError::Transient { class: "unroutable", message },
        PublishError::Invalid(_) => JobError::Permanent { class: "invalid_event", message },
    }
}
