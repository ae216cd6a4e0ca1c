//! HTTP in, HTTP out: no SQL, no rules.
//!
//! A request's way: [`serve`] accepts the connection; [`ctx`] gives the request its ids, and logs
//! it and writes its problem when it comes back; [`limits`] admits it; the router finds the
//! handler. The handler's arguments do the rest in order: who asks ([`auth`]: role and tenant,
//! giving a [`domain::Ctx`]), where (path), what ([`body`], [`change`]). It parses that into a
//! command or query, runs it in [`domain`], and turns the result into an answer.
//!
//! Everything that goes wrong on the way is a [`problem::Problem`].

mod answer;
mod audit;
pub mod auth;
mod body;
mod change;
pub mod ctx;
mod customer_groups;
mod customers;
mod etag;
pub mod examples;
#[cfg(test)]
mod fuzz;
mod headers;
pub mod health;
mod limits;
mod list;
pub mod metrics;
mod notifications;
mod openapi;
mod operations;
mod orders;
mod parameters;
mod patch;
pub mod problem;
mod products;
mod root;
mod router;
mod serve;
pub mod settings;
mod state;
mod stock;
mod streams;
mod webhooks;

pub use openapi::openapi;
pub use router::router;
pub use serve::{serve, serve_router};
pub use settings::Settings;
pub use state::State;
