//! What goes wrong. Each fault ends with the return of what it took away.

mod links;
mod programs;
mod servers;

use std::fmt;

use fastrand::Rng;

use crate::Result;
use crate::world::World;

/// Places in the programs where they die; see `domain/src/kernel/fail_point.rs`.
pub(crate) const API_POINTS: [&str; 2] = ["committing", "committed"];
/// The steps of a worker: claim, publish, confirm, complete.
pub(crate) const WORKER_POINTS: [&str; 6] =
    ["claimed", "publishing", "published", "confirmed", "completing", "completed"];
/// A worker writes down attempts that the broker did not let succeed.
pub(crate) const OUTAGE_POINTS: [&str; 2] = ["failing", "failed"];

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    KillApi,
    KillApiAt(&'static str),
    KillWorker,
    KillWorkerAt(&'static str),
    /// While the broker's link is cut again and again.
    KillWorkerInOutage(&'static str),
    PauseWorker,
    WorkerClock,
    DatabaseKill,
    DatabaseRestart,
    DatabaseBackends,
    DatabaseCut,
    DatabaseStall,
    DatabaseBlackHole,
    DatabaseSilent,
    DiskFull,
    BrokerRestart,
    BrokerKill,
    BrokerCut,
    BrokerStall,
    BrokerDeaf,
    BrokerBlackHole,
    BrokerSilent,
}

/// What a fault takes away. Two at the same time take different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Api,
    Worker,
    Database,
    Broker,
}

/// A fault with its choices made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) fault: Fault,
    /// Which worker, if it is about one.
    pub(crate) worker: usize,
    /// How often a fail point is passed before it ends the process.
    pub(crate) passes: u32,
}

impl Fault {
    /// Every kind once.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::KillApi, Self::KillWorker, Self::PauseWorker, Self::WorkerClock];
        all.extend(API_POINTS.map(Self::KillApiAt));
        all.extend(WORKER_POINTS.map(Self::KillWorkerAt));
        all.extend(OUTAGE_POINTS.map(Self::KillWorkerInOutage));
        all.extend([Self::DatabaseKill, Self::DatabaseRestart, Self::DatabaseBackends, Self::DiskFull]);
        all.extend([Self::DatabaseCut, Self::DatabaseStall, Self::DatabaseBlackHole, Self::DatabaseSilent]);
        all.extend([Self::BrokerRestart, Self::BrokerKill]);
        all.extend([Self::BrokerCut, Self::BrokerStall, Self::BrokerDeaf]);
        all.extend([Self::BrokerBlackHole, Self::BrokerSilent]);
        all
    }

    pub(crate) fn targets(self) -> &'static [Target] {
        match self {
            Self::KillApi | Self::KillApiAt(_) => &[Target::Api],
            Self::KillWorker | Self::KillWorkerAt(_) | Self::PauseWorker | Self::WorkerClock => &[Target::Worker],
            Self::KillWorkerInOutage(_) => &[Target::Worker, Target::Broker],
            Self::DatabaseKill | Self::DatabaseRestart | Self::DatabaseBackends | Self::DiskFull => &[Target::Database],
            Self::DatabaseCut | Self::DatabaseStall | Self::DatabaseBlackHole | Self::DatabaseSilent => {
                &[Target::Database]
            }
            Self::BrokerRestart | Self::BrokerKill | Self::BrokerCut | Self::BrokerStall => &[Target::Broker],
            Self::BrokerDeaf | Self::BrokerBlackHole | Self::BrokerSilent => &[Target::Broker],
        }
    }

    /// Why it cannot take place here; `None` if it can.
    pub(crate) fn impossible(self, world: &World) -> Option<&'static str> {
        match self {
            Self::DiskFull if world.small_disk.is_none() => Some("needs root, to mount a small file system"),
            Self::WorkerClock if world.faketime.is_none() => {
                Some("needs libfaketime (Debian: apt-get install libfaketime)")
            }
            _ => None,
        }
    }
}

impl Shot {
    /// Chooses the details.
    pub(crate) fn choose(fault: Fault, workers: usize, rng: &mut Rng) -> Self {
        Self { fault, worker: rng.usize(0..workers), passes: rng.u32(0..8) }
    }

    /// Does it, and undoes it.
    pub(crate) async fn take_place(&self, world: &World) -> Result<()> {
        let worker = &world.workers[self.worker];
        match self.fault {
            Fault::KillApi => programs::kill(&world.api).await,
            Fault::KillApiAt(point) => programs::kill_at(&world.api, point, self.passes).await,
            Fault::KillWorker => programs::kill(worker).await,
            Fault::KillWorkerAt(point) => programs::kill_at(worker, point, self.passes).await,
            Fault::KillWorkerInOutage(point) => programs::kill_in_outage(world, worker, point).await,
            Fault::PauseWorker => programs::pause(worker, world.form.rescue_time()).await,
            Fault::WorkerClock => programs::jump_clock(world, worker).await,
            Fault::DatabaseKill => servers::kill_database(world).await,
            Fault::DatabaseRestart => servers::restart_database(world).await,
            Fault::DatabaseBackends => servers::terminate_backends(world).await,
            Fault::DiskFull => servers::fill_disk(world).await,
            Fault::BrokerRestart => servers::restart_broker(world).await,
            Fault::BrokerKill => servers::kill_broker(world).await,
            Fault::DatabaseCut => links::cut(&world.database_link).await,
            Fault::BrokerCut => links::cut(&world.broker_link).await,
            Fault::DatabaseStall => links::stall(&world.database_link, world.form.outage).await,
            Fault::BrokerStall => links::stall(&world.broker_link, world.form.outage).await,
            Fault::BrokerDeaf => links::deafen(&world.broker_link, world.form.outage).await,
            Fault::DatabaseBlackHole => links::black_hole(&world.database_link, world.form.outage).await,
            Fault::BrokerBlackHole => links::black_hole(&world.broker_link, world.form.outage).await,
            Fault::DatabaseSilent => links::silence(&world.database_link).await,
            Fault::BrokerSilent => links::silence(&world.broker_link).await,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillApi => write!(f, "api: kill -9"),
            Self::KillApiAt(point) => write!(f, "api: kill -9 at {point}"),
            Self::KillWorker => write!(f, "worker: kill -9"),
            Self::KillWorkerAt(point) => write!(f, "worker: kill -9 at {point}"),
            Self::KillWorkerInOutage(point) => write!(f, "worker: kill -9 at {point}, broker cut"),
            Self::PauseWorker => write!(f, "worker: SIGSTOP past its rescue, SIGCONT"),
            Self::WorkerClock => write!(f, "worker: clock jumps +1 h, -1 h"),
            Self::DatabaseKill => write!(f, "postgresql: kill -9, start"),
            Self::DatabaseRestart => write!(f, "postgresql: restart"),
            Self::DatabaseBackends => write!(f, "postgresql: backends terminated"),
            Self::DiskFull => write!(f, "postgresql: disk full"),
            Self::DatabaseCut => write!(f, "postgresql: connections cut"),
            Self::DatabaseStall => write!(f, "postgresql: line stalled"),
            Self::DatabaseBlackHole => write!(f, "postgresql: black hole"),
            Self::DatabaseSilent => write!(f, "postgresql: connections silent for ever"),
            Self::BrokerRestart => write!(f, "rabbitmq: restart"),
            Self::BrokerKill => write!(f, "rabbitmq: kill -9, start"),
            Self::BrokerCut => write!(f, "rabbitmq: connections cut"),
            Self::BrokerStall => write!(f, "rabbitmq: line stalled"),
            Self::BrokerDeaf => write!(f, "rabbitmq: confirms held back"),
            Self::BrokerBlackHole => write!(f, "rabbitmq: black hole"),
            Self::BrokerSilent => write!(f, "rabbitmq: connections silent for ever"),
        }
    }
}
