//! Publishing committed events, and handling those that arrive.

mod jobs;

pub use jobs::{DEFAULT_GROUP, HandleEvent, PublishEvent, ReadMessage};
