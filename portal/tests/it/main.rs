//! The real program, run as a user would, against a real PostgreSQL and RabbitMQ.
//!
//! `make test` starts the servers and sets `DATABASE_URL` (portal_owner, may create databases),
//! `PORTAL_TEST_SUPERUSER_URL`, `PORTAL_TEST_AMQP_URL`, `PORTAL_TEST_RABBITMQ_API` and `PORTAL_TEST_PROMTOOL`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod command_line;
mod dev;
mod event;
mod fail_points;
mod http;
mod metrics;
mod once;
mod openapi;
mod places;
mod program;
mod proxy;
mod serving;
mod setup;
