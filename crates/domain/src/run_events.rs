//! A run's own history, as `GET /runs/:id/run-events` tells it.

use crate::ids::{RunEventId, RunId, UserId};
use crate::time::Timestamp;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// Identifier.
    pub id: RunEventId,
    /// The run.
    pub run_id: RunId,
    /// What someone did: `created`, `confirmed`, `discarded` or `canceled`.
    pub action: String,
    /// For people.
    pub description: Option<String>,
    /// The person who did it.
    pub actor_id: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}
