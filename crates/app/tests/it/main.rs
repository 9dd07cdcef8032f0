//! The services over a real store, with a clock that the tests set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod bootstrap;
mod callers;
mod concurrency;
mod configuration_archives;
mod configurations;
mod databases;
mod errored_states;
mod logs;
mod lost_runners;
#[path = "../../../store/tests/it/postgres.rs"]
mod postgres;
mod queue;
mod run_actions;
mod states;
mod workspaces;
mod world;
