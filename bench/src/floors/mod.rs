//! What the servers of this machine can do, without the product: plain programs, as fast as they
//! get. Every figure that depends on the machine is compared with one of them.

mod claim;
pub(crate) use claim::{DROPPED, KEPT};
mod commands;
mod publish;
mod wake;

use crate::Result;
use crate::bench::Bench;
use crate::measured::Measured;
use crate::plan::Part;

/// Measures a floor.
///
/// # Errors
/// Also when `part` is none.
pub(crate) async fn measure(bench: &Bench, part: Part) -> Result<Vec<Measured>> {
    match part {
        Part::F1 => claim::measure(bench).await,
        Part::F2 => publish::rates(bench).await,
        Part::F3 => commands::measure(bench).await,
        Part::F4 => wake::measure(bench).await,
        Part::F5 => publish::round_trip(bench).await,
        _ => Err(format!("{} is no floor", part.name()).into()),
    }
}
