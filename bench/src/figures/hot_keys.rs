//! B7: all jobs belong to 50 keys, or to one. Jobs of one key run one after another, so its rate is
//! that of round trips to the broker.

use crate::Result;
use crate::bench::Bench;
use crate::measured::{Measured, Reach};
use crate::noop::Payload;
use crate::plan::Part;

use super::drain::{self, Drain, variant};
use super::outbox::{self, Publishing};

/// One customer's events per run.
const ONE_BY_ONE: usize = 2_000;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let jobs = bench.sizes.jobs[0];
    let drained = bench.value(Part::B1, &variant(jobs)).await?;
    let round_trip = bench.value(Part::F5, "p50").await?;
    let fifty = Drain { jobs, keys: 50, payload: Payload::Dropped, workers: 1 };
    let one = Publishing { jobs: ONE_BY_ONE, customers: 1, workers: 1 };
    let fifty = drain::rates(bench, fifty).await?;
    let one = outbox::rates(bench, one).await?;
    Ok(vec![
        Measured::new("50 keys, no-op jobs", "/s", fifty).reach(Reach::at_least(0.7, "B1", drained)),
        Measured::new("1 customer, outbox", "/s", one).reach(Reach::at_least(0.5, "1 ÷ F5", 1000.0 / round_trip)),
    ])
}
