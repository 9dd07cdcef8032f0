//! The pages in process: the real router over a real store, and a browser that follows links and sends forms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod account;
mod authorization_codes;
mod browser;
mod deletion;
mod errored_states;
mod forms;
mod headers;
mod missing;
mod organization_memberships;
mod projects;
mod runs;
mod set_up;
mod sign_in;
mod state_versions;
mod statements;
mod team_tokens;
mod teams;
mod workspaces;
mod world;
