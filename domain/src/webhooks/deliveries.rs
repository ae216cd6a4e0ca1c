//! What happens between an event and the endpoint's answer.

mod attempt;
mod send;
mod sql;

pub use attempt::{Attempted, FinishAttempt, GiveUpDelivery, Outgoing, StartDelivery, Started, Verdict};
pub use send::{FanOut, ResendDelivery, TestEndpoint};
