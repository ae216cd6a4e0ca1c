//! An operation's progress as server-sent events.
//!
//! Whoever follows an operation looks at its row once a second, beside the others: up to a hundred look-ups by primary
//! key a second are less than what one page of a list costs.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::operations::bulk::{GetOperation, Operation};
use domain::{Ctx, Db};
use futures::Stream;
use futures::stream;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use utoipa::ToSchema;

use super::dto::OperationBody;
use crate::answer;
use crate::problem::Problem;
use crate::streams::{Place, Streams};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// What passes for a comment, in between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// No stream is open for longer: its caller may have lost its role since.
const OPEN: Duration = Duration::from_secs(60 * 60);

/// One event of the stream.
#[derive(ToSchema)]
#[schema(as = OperationEvent)]
pub(super) struct FollowedEvent {
    /// `progress`; `end` is the last one.
    #[schema(example = "progress", pattern = "^(progress|end)$")]
    event: &'static str,
    /// The operation, in JSON, as it is read elsewhere.
    #[schema(example = r#"{"id": "01941f29-7c00-7000-8000-000000000601", "state": "running"}"#)]
    data: String,
}

impl From<FollowedEvent> for Event {
    fn from(FollowedEvent { event, data }: FollowedEvent) -> Self {
        Self::default().event(event).data(data)
    }
}

/// Somebody who follows an operation.
struct Follower {
    db: Db,
    ctx: Ctx,
    place: Place,
    /// As it was shown last.
    shown: Operation,
    until: Instant,
    looks: tokio::time::Interval,
}

/// What comes next.
enum Stage {
    /// The first event, at once.
    First(Follower),
    /// Another one, when something has changed.
    More(Follower),
    /// Nothing.
    Over,
}

/// Opens a stream.
///
/// # Errors
/// 503 `too_many_streams`.
pub(super) fn follow(streams: &Streams, (db, ctx): (Db, Ctx), now: Operation) -> Result<Response, Problem> {
    let begun = Instant::now();
    let mut looks = interval_at(begun + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower { db, ctx, place: streams.place()?, shown: now, until: begun + OPEN, looks };
    Ok(Sse::new(events(follower)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn events(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Stage::First(follower), async |stage| match stage {
        Stage::First(follower) => Some(follower.event()),
        Stage::More(follower) => follower.changed().await.map(Follower::event),
        Stage::Over => None,
    })
}

impl Follower {
    /// The operation as it is now, and what comes after that.
    fn event(self) -> (Result<Event, Infallible>, Stage) {
        let body = answer::json(&OperationBody::from(self.shown.clone()));
        let data = String::from_utf8_lossy(&body).into_owned();
        let (event, next) =
            if self.shown.state.is_at_rest() { ("end", Stage::Over) } else { ("progress", Stage::More(self)) };
        (Ok(FollowedEvent { event, data }.into()), next)
    }

    /// Whether something has happened: that it went on and found nothing is nothing.
    fn differs(&self, now: &Operation) -> bool {
        *now != Operation { changed_at: now.changed_at, ..self.shown.clone() }
    }

    /// Waits until the operation is another; none when the stream has to end before.
    async fn changed(mut self) -> Option<Self> {
        loop {
            tokio::select! {
                () = self.place.closed() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                _ = self.looks.tick() => {}
            }
            match domain::fetch(&self.db, &self.ctx, GetOperation { id: self.shown.id }).await {
                Ok(now) if self.differs(&now) => return Some(Self { shown: now, ..self }),
                Ok(_) => {}
                // it may be back in a second
                Err(error) => tracing::debug!(%error, "an operation that is followed cannot be read"),
            }
        }
    }
}
