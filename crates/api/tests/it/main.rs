//! The front door in process: the real router over a real store, no socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod account;
mod actors;
mod agent_pools;
mod authenticated;
mod documents;
mod error_texts;
mod events;
mod hidden;
mod hostile;
mod includes;
mod ip_ranges;
mod many_callers;
mod mass_assignment;
mod matrix;
mod organization_memberships;
mod organizations;
#[path = "../../../store/tests/it/postgres.rs"]
mod postgres;
mod projects;
mod reserved_tag_keys;
mod rights;
mod runs;
mod statements;
mod tags;
mod team_access;
mod teams;
mod tenants;
mod tokens;
mod variables;
mod workspaces;
mod world;
