//! What happens between an event and the endpoint's answer.

mod attempt;
mod send;
mod sql;

pub use attempt::{Attempted, FinishAttempt, GiveUpDelivery, Outgoing, StartDelivery, Started, Verdict};
pub(super) use send::{DeliveryJob, job};
pub use send::{FanOut, ResendDelivery, TestEndpoint};
pub(super) use sql::insert;
