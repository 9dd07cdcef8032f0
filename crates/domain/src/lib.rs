//! The things of Terrane and their rules, without IO, clock or randomness.
//!
//! A module here is the first of the files that share its name: `runs.rs` in `domain`, `store`, `app`, `api`, `ui`.

#[macro_use]
pub mod names;
pub mod access;
pub mod agent_pools;
pub mod archive;
pub mod authorization_codes;
pub mod comments;
pub mod configuration_versions;
pub mod discovery;
pub mod engine_versions;
pub mod engines;
pub mod errored_states;
pub mod events;
pub mod execution;
pub mod ids;
pub mod invalid;
pub mod jobs;
pub mod organization_memberships;
pub mod organizations;
pub mod projects;
pub mod reasons;
pub mod reserved_tag_keys;
pub mod run_events;
pub mod runner_protocol;
pub mod runs;
pub mod state_versions;
pub mod tag_bindings;
pub mod tags;
pub mod team_access;
pub mod teams;
pub mod time;
pub mod tokens;
pub mod users;
pub mod variables;
pub mod workspace_resources;
pub mod workspaces;
