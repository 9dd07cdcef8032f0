//! A run's own history, as `GET /runs/:id/run-events` tells it.

use crate::ids::{CommentId, RunEventId, RunId, UserId};
use crate::time::Timestamp;

words! {
    /// What happened to a run.
    pub enum RunEventAction {
        /// It was queued.
        Created = "created",
        /// Someone said something about it.
        Commented = "commented",
        /// Its plan was confirmed, by someone or by auto-apply.
        Confirmed = "confirmed",
        /// It was thrown away, by someone or because its plan became stale.
        Discarded = "discarded",
        /// Someone asked for its end in order.
        Canceled = "canceled",
        /// Someone asked for its end at once.
        ForceCanceled = "force_canceled",
        /// Someone made it go before all others.
        ForceExecuted = "force_executed",
        /// Someone made the state that its apply left the workspace's.
        StateAdopted = "state_adopted",
        /// Someone decided to go on without the state that its apply left.
        StateDiscarded = "state_discarded",
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// Identifier.
    pub id: RunEventId,
    /// The run.
    pub run_id: RunId,
    /// What happened.
    pub action: RunEventAction,
    /// For people.
    pub description: Option<String>,
    /// The person who did it.
    pub actor_id: Option<UserId>,
    /// What that person said.
    pub comment_id: Option<CommentId>,
    /// When.
    pub created_at: Timestamp,
}
