//! What operators can start, and do to schedules.

mod schedules;
mod start;

pub use schedules::{ChangeSchedule, CreateSchedule, DeleteSchedule, RunSchedule};
pub use start::StartJob;
