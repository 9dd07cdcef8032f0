//! Rows of errored states.

use terrane_domain::errored_states::{ErroredState, Resolution};
use terrane_domain::ids::RunId;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(ErroredState, "errored_states", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10", {
    run_id, organization_id, serial, lineage, md5, size, blob, resolution, resolved_at, created_at
});

statements! {
    INSERT: ErroredState = insert;
    OF_RUN: ErroredState = select "WHERE run_id = $1";
    RESOLVE = "UPDATE errored_states SET resolution = $2, resolved_at = $3 WHERE run_id = $1 AND resolution IS NULL";
}

/// Inserts what a run left; a run has one at most.
pub async fn insert(tx: &mut Tx, state: &ErroredState) -> Result<(), StoreError> {
    tx.execute(&INSERT, state.values()).await.map(drop)
}

/// What a run left.
pub async fn of_run(tx: &mut Tx, id: &RunId) -> Result<Option<ErroredState>, StoreError> {
    tx.one(&OF_RUN, values![*id]).await
}

/// Notes what was decided, unless something was before.
pub async fn resolve(tx: &mut Tx, id: &RunId, resolution: Resolution) -> Result<bool, StoreError> {
    let now = tx.now();
    tx.changed(&RESOLVE, values![*id, resolution, now]).await
}
