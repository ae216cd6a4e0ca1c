//! One run: where the servers are, how much is measured, and what is known so far.
//!
//! A floor is measured once, when the first figure asks for it, so that both come from the same run
//! whatever was chosen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Result;
use crate::depth::Depth;
use crate::floors;
use crate::measured::Measured;
use crate::plan::Part;
use crate::processes::Programs;
use crate::scratch::Scratch;

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    /// Of every figure; its value is their median.
    pub(crate) runs: usize,
    /// Jobs of a drain: one variant for each.
    pub(crate) jobs: Vec<usize>,
    /// How long commands are issued, and latency under load is measured.
    pub(crate) period: Duration,
    /// Samples of a latency, per run.
    pub(crate) samples: usize,
    /// Waiting, and completed, at depth.
    pub(crate) depth: usize,
    /// Dead at depth.
    pub(crate) dead: usize,
    /// B12.
    pub(crate) endurance: Endurance,
}

/// How long, and how fast events arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endurance {
    pub(crate) period: Duration,
    /// Of B2's rate.
    pub(crate) percent: u8,
}

impl Sizes {
    /// As the figures are meant.
    pub(crate) fn full(runs: usize, endurance: Endurance) -> Self {
        Self {
            runs,
            jobs: vec![20_000, 200_000],
            period: Duration::from_secs(5),
            samples: 400,
            depth: 1_000_000,
            dead: 100_000,
            endurance,
        }
    }

    /// A tenth of it, to see whether everything works.
    pub(crate) fn quick(endurance: Endurance) -> Self {
        Self {
            runs: 1,
            jobs: vec![20_000],
            period: Duration::from_secs(2),
            samples: 100,
            depth: 100_000,
            dead: 10_000,
            endurance,
        }
    }
}

/// A run under way.
pub(crate) struct Bench {
    /// URL of a PostgreSQL superuser.
    pub(crate) postgres: String,
    /// AMQP URL.
    pub(crate) amqp: String,
    pub(crate) programs: Programs,
    pub(crate) sizes: Sizes,
    /// A database with very many ended jobs, once a figure needed one.
    pub(crate) depth: Option<Depth>,
    known: BTreeMap<Part, Vec<Measured>>,
    started: Instant,
}

impl Bench {
    pub(crate) fn new(postgres: String, amqp: String, programs: Programs, sizes: Sizes) -> Self {
        Self { postgres, amqp, programs, sizes, depth: None, known: BTreeMap::new(), started: Instant::now() }
    }

    /// A part that is compared with: measured now, unless it was before.
    pub(crate) async fn measured(&mut self, part: Part) -> Result<Vec<Measured>> {
        if let Some(known) = self.known.get(&part) {
            return Ok(known.clone());
        }
        self.progress(&format!("{} {}", part.name(), part.title()));
        let measured = if part.is_floor() {
            floors::measure(self, part).await?
        } else {
            Box::pin(crate::figures::measure(self, part)).await?
        };
        self.known.insert(part, measured.clone());
        Ok(measured)
    }

    /// The value of a variant of a part: measured now, unless it was before.
    pub(crate) async fn value(&mut self, part: Part, variant: &str) -> Result<f64> {
        let measured = self.measured(part).await?;
        let found = measured.iter().find(|m| m.variant == variant);
        Ok(found.ok_or_else(|| format!("{} has no variant {variant}", part.name()))?.value())
    }

    /// What has been measured, in the order of the table.
    pub(crate) fn known(&self) -> Vec<(Part, Vec<Measured>)> {
        self.known.clone().into_iter().collect()
    }

    /// An empty database.
    pub(crate) async fn empty(&self, name: &str) -> Result<Scratch> {
        Scratch::empty(&self.postgres, name).await
    }

    /// A database with the product's schema.
    pub(crate) async fn migrated(&self, name: &str) -> Result<Scratch> {
        Scratch::migrated(&self.postgres, name).await
    }

    /// Measures `runs` times.
    pub(crate) async fn repeat(&self, what: &str, mut once: impl AsyncFnMut() -> Result<f64>) -> Result<Vec<f64>> {
        let mut runs = Vec::with_capacity(self.sizes.runs);
        for run in 1..=self.sizes.runs {
            let value = once().await.map_err(|error| format!("{what}: {error}"))?;
            self.progress(&format!("   {what}, {run} of {}: {}", self.sizes.runs, crate::report::number(value)));
            runs.push(value);
        }
        Ok(runs)
    }

    /// Says on standard error what happens.
    pub(crate) fn progress(&self, what: &str) {
        let seconds = self.started.elapsed().as_secs();
        eprintln!("{:>3}:{:02} {what}", seconds / 60, seconds % 60);
    }
}
