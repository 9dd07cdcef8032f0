//! The only SQL and the only blob calls of the program.
//!
//! Architecture invariant: nothing outside this crate knows which database is in use, and nothing inside it decides
//! who may do what.

pub mod agent_pools;
pub mod authorization_codes;
mod blobs;
mod clock;
pub mod comments;
pub mod configuration_versions;
mod database;
mod error;
pub mod errored_states;
pub mod events;
mod held;
pub mod jobs;
mod keys;
pub mod logs;
mod migrations;
pub mod organization_memberships;
pub mod organizations;
pub mod projects;
mod readers;
mod registry;
pub mod remote_state_consumers;
pub mod reserved_tag_keys;
pub mod run_events;
pub mod runs;
mod sealing;
pub mod sessions;
mod sqlite;
pub mod standings;
pub mod state_versions;
mod statement;
mod store;
pub mod tag_bindings;
pub mod tags;
pub mod team_access;
pub mod teams;
pub mod tokens;
mod transaction;
pub mod users;
mod value;
pub mod variables;
mod visibility;
mod wake;
pub mod workspace_resources;
pub mod workspaces;
mod writer;

pub use blobs::{BlobKind, BlobReader, BlobWriter, FRAME_BYTES, StoredBlob};
pub use clock::{Clock, SystemClock};
pub use error::StoreError;
pub use held::Held;
pub use keys::load_root_key;
pub use sealing::{Key, hex, random_bytes};
pub use store::{Store, StoreOptions};
pub use transaction::Tx;
pub use wake::{Topic, Waiter, Wakes};
