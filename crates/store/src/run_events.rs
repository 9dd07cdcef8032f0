//! Rows of runs' own histories.

use terrane_domain::ids::{RunEventId, RunId};
use terrane_domain::run_events::RunEvent;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(RunEvent, "run_events", "$1, $2, $3, $4, $5, $6, $7", {
    id, run_id, action, description, actor_id, comment_id, created_at
});

statements! {
    INSERT: RunEvent = insert;
    OF_RUNS: RunEvent = select_many "run_id";
    BY_ID: RunEvent = select "WHERE id = $1";
    OF_RUN: RunEvent = select "WHERE run_id = $1 ORDER BY created_at, id";
}

/// Inserts an entry.
pub async fn insert(tx: &mut Tx, event: &RunEvent) -> Result<(), StoreError> {
    tx.execute(&INSERT, event.values()).await.map(drop)
}

/// The entry of this id.
pub async fn by_id(tx: &mut Tx, id: &RunEventId) -> Result<Option<RunEvent>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The histories of several runs, each oldest first.
pub async fn of_runs(tx: &mut Tx, ids: &[&RunId]) -> Result<Vec<RunEvent>, StoreError> {
    let mut events: Vec<RunEvent> = tx.many(&OF_RUNS, ids).await?;
    events.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    Ok(events)
}

/// A run's history, oldest first.
pub async fn of_run(tx: &mut Tx, id: &RunId) -> Result<Vec<RunEvent>, StoreError> {
    tx.all(&OF_RUN, values![*id]).await
}
