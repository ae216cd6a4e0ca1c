//! Publishing committed events.

mod jobs;

pub use jobs::PublishEvent;
