//! What the product does, one file per figure. Each sets up what it needs in a database of its own,
//! measures, and removes it.

mod commands;
mod consumer;
mod depth;
mod drain;
mod endurance;
mod hot_keys;
mod idle;
mod lists;
mod load;
mod memory;
mod orders;
mod outbox;
mod processes;

use crate::Result;
use crate::bench::Bench;
use crate::measured::Measured;
use crate::plan::Part;

pub(crate) use drain::variant as jobs_variant;

/// Measures a figure.
///
/// # Errors
/// Also when `part` is none.
pub(crate) async fn measure(bench: &mut Bench, part: Part) -> Result<Vec<Measured>> {
    match part {
        Part::B1 => drain::measure(bench).await,
        Part::B2 => outbox::measure(bench).await,
        Part::B3 => commands::measure(bench).await,
        Part::B4 => idle::measure(bench).await,
        Part::B5 => load::measure(bench).await,
        Part::B6 => consumer::measure(bench).await,
        Part::B7 => hot_keys::measure(bench).await,
        Part::B8 => depth::measure(bench).await,
        Part::B9 => processes::measure(bench).await,
        Part::B10 => memory::measure(bench).await,
        Part::B11 => lists::measure(bench).await,
        Part::B12 => endurance::measure(bench).await,
        Part::B13 => orders::measure(bench).await,
        _ => Err(format!("{} is no figure", part.name()).into()),
    }
}
