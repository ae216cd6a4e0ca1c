//! Operations as operators order and see them.

mod input;
mod names;
mod output;

pub(super) use input::{ItemPage, NewOperation, OperationPage, Ordered};
pub(super) use output::{ItemBody, OperationBody, PreviewBody};
