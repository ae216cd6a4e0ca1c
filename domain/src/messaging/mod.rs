//! Publishing committed events, handling those that arrive, and handing stored ones over again.
//!
//! A replay works in steps, each a job: it reads the next events of the log, and one statement hands them to the
//! group through the inbox, moves the cursor and enqueues the next step. A step that runs twice finds that it
//! is not its turn any more. An event that was corrected ([`EditDeadLetter`](crate::operations::EditDeadLetter)) is left
//! out; its correction is handed over where that stands in the log.
//!
//! A test event ([`PublishTestEvent`]) goes the way of every other, through the log and the outbox: it survives
//! whatever happens, the timeline tells its story, and the log says who let it loose. Because the log is also the
//! history of each aggregate, and numbers its events, a test event is about an aggregate of its own.
//!
//! Several changes of one aggregate may become one event ([`CollapsingEvent`](crate::kernel::event::CollapsingEvent)):
//! within one command always, and in the outbox for the types that an installation names ([`superseded_by`]). The
//! latest wins; nothing collapses across an event of another type; the log keeps what was committed.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `replay_consumer_unknown` | invalid, in `errors`: `/consumer` | no worker has ever served a group of this name |
//! | `replay_not_found` | not found | no such replay |
//! | `replay_not_running` | conflict | pausing one that does not run |
//! | `replay_not_paused` | conflict | resuming one that is not paused |
//! | `replay_ended` | conflict | cancelling one that was completed or cancelled |
//! | `aggregate_exists` | conflict | a test event of an aggregate that has events already |
//! | `sequence_invalid` | invalid | a test event with a version below 1 |

mod commands;
mod jobs;
mod model;
mod queries;
mod replay;
mod rules;
mod store;
mod superseded;

pub use commands::{ChangeReplay, PublishTestEvent, ReplayChange, StartReplay};
pub use jobs::{DEFAULT_GROUP, HandleEvent, PublishEvent, ReadMessage, ReplayEvents};
pub use model::{Published, Rate, Repeat, Replay, ReplayCounts, ReplayFilter, ReplayState};
pub use queries::{CountReplay, GetReplay, ListPublished, ListReplays};
pub use replay::{ReplayStep, SuspendReplay, replay_step};
pub use superseded::superseded_by;
