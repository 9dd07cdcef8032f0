//! The things of Terrane and their rules, without IO, clock or randomness.
//!
//! A module here is the first of the files that share its name: `runs.rs` in `domain`, `store`, `app`, `api`, `ui`.

#[macro_use]
pub mod names;
pub mod archive;
pub mod engines;
pub mod ids;
pub mod reasons;
pub mod runner_protocol;
pub mod runs;
pub mod time;
