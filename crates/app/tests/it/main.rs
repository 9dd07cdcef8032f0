//! The services over a real store, with a clock that the tests set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod callers;
mod configuration_archives;
mod configurations;
mod databases;
mod logs;
mod lost_runners;
mod postgres;
mod queue;
mod states;
mod workspaces;
mod world;
