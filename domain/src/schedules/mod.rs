//! Jobs that somebody starts: by hand, or a schedule when it is due.
//!
//! A definition ([`DEFINITIONS`]) says which kinds of jobs that may be, and what parameters they take: those are what
//! the kind's argument type says, so they are checked against it before there is a job, and described by its JSON
//! Schema.
//!
//! A schedule is a cron expression in a time zone ([`Timing`]). Every worker looks once a second for one that is due
//! ([`tick`]); the mark that a due time happened, which is unique, its job, and when the schedule is due next commit
//! together. Time is the database's. Its jobs have the schedule as their ordering key: they run one after another.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `job_definition_not_found` | not found | no such definition |
//! | `job_definition_unknown` | invalid, in `errors`: `/definition` | starting a job of no such definition |
//! | `parameter_invalid` | invalid, in `errors`: `/parameters/…` | a parameter is not what the definition's schema says |
//! | `tenant_required` | invalid, in `errors`: `/tenantId` | no tenant, for a job that is about the data of one |
//! | `tenant_not_used` | invalid, in `errors`: `/tenantId` | a tenant, for a job that is about nobody's in particular |
//! | `cron_invalid` | invalid, in `errors`: `/cron` | no cron expression of five fields |
//! | `cron_never_due` | invalid, in `errors`: `/cron` | one that is never due: 30 February |
//! | `time_zone_unknown` | invalid, in `errors`: `/timeZone` | no time zone of the IANA database |
//! | `missed_invalid` | invalid, in `errors`: `/missed` | neither `skip` nor `once` nor `all` |
//! | `missed_limit_invalid` | invalid, in `errors`: `/missedLimit` | not 1 to 1,000 |
//! | `schedule_not_found` | not found | no such schedule |
//! | `schedule_name_taken` | conflict | another schedule has the name |
//! | `schedule_definition_gone` | conflict | running or changing one whose definition this program does not have |
//! | `version_conflict` | precondition failed | the caller's expected version is not the schedule's present one |

mod commands;
mod definitions;
mod model;
mod queries;
mod rules;
mod store;
mod tick;
mod timing;

pub use commands::{ChangeSchedule, CreateSchedule, DeleteSchedule, RunSchedule, StartJob};
pub use definitions::{About, Concerns, DEFINITIONS, Definition, StartedBy};
pub use model::{Cause, Enabled, Fired, Order, Schedule, ScheduleDescription, ScheduleDetail, ScheduleName};
pub use queries::{GetSchedule, ListSchedules};
pub use store::expire_fires;
pub use tick::{FireNext, tick};
pub use timing::{Cron, Missed, MissedLimit, TimeZone, Timing};
