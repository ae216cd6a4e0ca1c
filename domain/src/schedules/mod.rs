//! Jobs that somebody starts: by hand now.
//!
//! A definition ([`DEFINITIONS`]) says which kinds of jobs that may be, and what parameters they take: those are what
//! the kind's argument type says, so they are checked against it before there is a job, and described by its JSON
//! Schema.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `job_definition_not_found` | not found | no such definition |
//! | `job_definition_unknown` | invalid, in `errors`: `/definition` | starting a job of no such definition |
//! | `parameter_invalid` | invalid, in `errors`: `/parameters/…` | a parameter is not what the definition's schema says |
//! | `tenant_required` | invalid, in `errors`: `/tenantId` | no tenant, for a job that is about the data of one |
//! | `tenant_not_used` | invalid, in `errors`: `/tenantId` | a tenant, for a job that is about nobody's in particular |

mod commands;
mod definitions;
mod model;
mod rules;
mod store;

pub use commands::StartJob;
pub use definitions::{About, Concerns, DEFINITIONS, Definition, StartedBy};
pub use model::Order;
