//! The queue contract, bullet by bullet.

mod basics;
mod claims;
mod connections;
mod fence;
mod hot_keys;
mod once;
mod ordering;
pub mod processes;
mod retention;
mod serving;
mod silence;
mod stock;
