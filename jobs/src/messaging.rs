//! What the messaging module's jobs do: publishing committed events.

use std::sync::Arc;

use domain::messaging::PublishEvent;

use crate::bus::{Bus, PublishError};
use crate::runtime::{JobContext, JobError, JobResult};

/// The name under which jobs wait for the broker.
pub const BROKER: &str = "broker";

/// Publishes one event and waits for the broker's confirm.
pub(crate) async fn publish_event(bus: Arc<dyn Bus>, job: PublishEvent, context: JobContext) -> JobResult {
    let event = &job.event;
    domain::fail_point!("fail-point:publishing");
    bus.publish(event).await.map_err(job_error)?;
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

fn job_error(error: PublishError) -> JobError {
    let message = error.to_string();
    match error {
        PublishError::Unavailable(_) => JobError::Unavailable { dependency: BROKER, message },
        PublishError::Nacked(_) => JobError::Transient { class: "nacked", message },
        PublishError::Unroutable(_) => JobError::Transient { class: "unroutable", message },
        PublishError::Invalid(_) => JobError::Permanent { class: "invalid_event", message },
    }
}
