//! The only code that knows apalis: claims jobs, runs them, and puts them where they go next.
//!
//! ```text
//! doorbell, poll ─▶ claimer ──▶ dispatch (one at a time per key) ──▶ storage (apalis Backend)
//!                      ▲                    │                              │
//!                      │ room again         │ successors                   ▼
//!                  completer ◀── finish ◀───┴──────────── outcome layer ◀─ handler
//! ```
//!
//! * [`queue`] ties these together for one queue; claimer and completer are tasks of their own, so
//!   that claiming, running and completing overlap.
//! * [`process`] registers the process, keeps it alive in the others' eyes ([`liveness`]), runs one
//!   apalis worker per queue under an apalis monitor, and hands everything back at the end.

mod claim;
mod claimer;
mod complete;
mod completer;
mod dispatch;
mod doorbell;
mod execute;
mod layer;
mod liveness;
mod outcome;
mod process;
mod queue;
mod retention;
mod settings;
mod storage;

pub use claim::ClaimedJob;
pub(crate) use execute::ctx_of;
pub use execute::{Exhausted, JobContext, Kinds};
pub use outcome::{JobError, JobResult};
pub use process::{Dependency, Once, Runtime, run, run_once};
pub(crate) use retention::clean;
pub use settings::Settings;
