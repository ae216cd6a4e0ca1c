//! B9: two and four worker processes on this machine, compared with one.

use crate::Result;
use crate::bench::Bench;
use crate::measured::{Measured, Reach};
use crate::noop::Payload;
use crate::statistics::median;

use super::drain::{self, Drain, PER_KEY};
use super::outbox::{self, Publishing};

/// Jobs per run: enough for four processes to have something to do.
const JOBS: usize = 50_000;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let keys = JOBS / PER_KEY;
    let mut measured = Vec::new();
    let (mut alone, mut publishing_alone) = (f64::NAN, f64::NAN);
    for workers in [1, 2, 4] {
        let runs = drain::rates(bench, Drain { jobs: JOBS, keys, payload: Payload::Dropped, workers }).await?;
        measured.push(compared(format!("no-op jobs, {}", name(workers)), runs, &mut alone));
    }
    for workers in [1, 2, 4] {
        let runs = outbox::rates(bench, Publishing { jobs: JOBS, customers: keys, workers }).await?;
        measured.push(compared(format!("outbox, {}", name(workers)), runs, &mut publishing_alone));
    }
    Ok(measured)
}

fn name(workers: usize) -> String {
    if workers == 1 { "1 process".to_owned() } else { format!("{workers} processes") }
}

/// The first is what the others are compared with.
fn compared(variant: String, runs: Vec<f64>, alone: &mut f64) -> Measured {
    let base = *alone;
    if base.is_nan() {
        *alone = median(&runs);
        return Measured::new(variant, "/s", runs);
    }
    Measured::new(variant, "/s", runs).reach(Reach::at_least(0.95, "1 process", base))
}
