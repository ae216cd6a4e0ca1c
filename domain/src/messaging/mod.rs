//! Publishing committed events, handling those that arrive, and handing stored ones over again.
//!
//! A replay works in steps, each a job: it reads the next events of the log, and one statement hands them to the
//! group through the inbox, moves the cursor and enqueues the next step. A step that runs twice finds that it
//! is not its turn any more.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `replay_consumer_unknown` | invalid, in `errors`: `/consumer` | no worker has ever served a group of this name |
//! | `replay_not_found` | not found | no such replay |
//! | `replay_not_running` | conflict | pausing one that does not run |
//! | `replay_not_paused` | conflict | resuming one that is not paused |
//! | `replay_ended` | conflict | cancelling one that was completed or cancelled |

mod commands;
mod jobs;
mod model;
mod queries;
mod replay;
mod rules;
mod store;

pub use commands::{ChangeReplay, ReplayChange, StartReplay};
pub use jobs::{DEFAULT_GROUP, HandleEvent, PublishEvent, ReadMessage, ReplayEvents};
pub use model::{Rate, Repeat, Replay, ReplayCounts, ReplayFilter, ReplayState};
pub use queries::{CountReplay, GetReplay, ListReplays};
pub use replay::{ReplayStep, SuspendReplay, replay_step};
