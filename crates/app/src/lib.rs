//! The services: authorise -> rule -> transaction -> event. One module a resource.
//!
//! Architecture invariant: the API, the pages and the MCP tools call these functions and nothing below them; a right,
//! a limit or a change of state is written here (or in `domain`) once.

pub mod account;
pub mod agent_pools;
pub mod authorization_codes;
pub mod background;
pub mod bootstrap;
pub mod callers;
pub mod comments;
pub mod configuration_archives;
pub mod configuration_versions;
mod error;
pub mod errored_states;
mod events;
mod execution;
pub mod feature_sets;
mod guesses;
pub mod ip_ranges;
pub mod jobs;
pub mod logs;
mod lookups;
pub mod organization_memberships;
pub mod organization_tokens;
pub mod organizations;
mod passwords;
pub mod plans;
pub mod projects;
mod queue;
pub mod remote_state_consumers;
pub mod reserved_tag_keys;
pub mod run_events;
pub mod runs;
pub mod sessions;
pub mod set_up;
pub mod signed_urls;
mod state_documents;
pub mod state_uploads;
pub mod state_versions;
pub mod streams;
pub mod tag_bindings;
pub mod tags;
pub mod team_access;
pub mod team_members;
pub mod team_tokens;
pub mod teams;
mod token_uses;
pub mod tokens;
pub mod users;
pub mod variables;
pub mod workspace_resources;
pub mod workspaces;

use std::sync::Arc;

use terrane_domain::runs::FORCE_CANCEL_COOL_OFF;
use terrane_store::{Key, Store};
use tokio::sync::watch;

pub use error::{AppError, AppResult};
pub use terrane_store::BlobReader;
pub use terrane_store::runs::PlanDocument;

/// The running application. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Store,
    pub(crate) public_url: Arc<str>,
    pub(crate) signing_key: Key,
    pub(crate) callers: Arc<callers::CallerCache>,
    pub(crate) ip_ranges: Arc<ip_ranges::IpRanges>,
    pub(crate) token_uses: Arc<token_uses::TokenUses>,
    pub(crate) force_cancel_cool_off: std::time::Duration,
    pub(crate) guesses: Arc<guesses::Guesses>,
    pub(crate) passwords: Arc<passwords::Passwords>,
    draining: watch::Receiver<bool>,
}

impl App {
    /// Binds the services to a store. `public_url` is what clients reach, without a trailing slash; `draining`
    /// turns true when held answers must be given at once.
    pub fn new(store: Store, public_url: &str, draining: watch::Receiver<bool>) -> Self {
        let signing_key = store.derive_key("signed-urls");
        let public_url = public_url.into();
        let ip_ranges = Arc::new(ip_ranges::IpRanges { ranges: Vec::new(), since: store.now() });
        let (callers, token_uses) = (Arc::default(), Arc::default());
        let (guesses, passwords) = (Arc::default(), Arc::default());
        let force_cancel_cool_off = FORCE_CANCEL_COOL_OFF;
        Self {
            store,
            public_url,
            signing_key,
            callers,
            ip_ranges,
            token_uses,
            force_cancel_cool_off,
            guesses,
            passwords,
            draining,
        }
    }

    /// Lets people wait so long after a cancel until they may end a run by force.
    #[must_use]
    pub const fn with_force_cancel_cool_off(mut self, cool_off: std::time::Duration) -> Self {
        self.force_cancel_cool_off = cool_off;
        self
    }

    /// What clients reach, without a trailing slash.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Whether clients reach the server by TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The store, for checks of the whole server (readiness, verification of events).
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.clone();
        // A sender that is gone means that the process ends.
        let _ = draining.wait_for(|draining| *draining).await;
    }
}

/// 128 random bits for a new id.
pub(crate) fn entropy() -> u128 {
    u128::from_be_bytes(terrane_store::random_bytes())
}
