//! Which workspaces may read another's state.

use terrane_domain::ids::WorkspaceId;

use crate::error::StoreError;
use crate::statement::statements;
use crate::transaction::{Tx, values};

statements! {
    ADD_CONSUMER = "INSERT INTO remote_state_consumers (workspace_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    REMOVE_CONSUMER = "DELETE FROM remote_state_consumers WHERE workspace_id = $1 AND consumer_id = $2";
    REMOVE_CONSUMERS = "DELETE FROM remote_state_consumers WHERE workspace_id = $1";
}

/// Lets a workspace read the state; tells whether it could not before.
pub async fn add(tx: &mut Tx, id: &WorkspaceId, consumer_id: &WorkspaceId) -> Result<bool, StoreError> {
    tx.changed(&ADD_CONSUMER, values![*id, *consumer_id]).await
}

/// Takes that from a workspace; tells whether it could.
pub async fn remove(tx: &mut Tx, id: &WorkspaceId, consumer_id: &WorkspaceId) -> Result<bool, StoreError> {
    tx.changed(&REMOVE_CONSUMER, values![*id, *consumer_id]).await
}

/// Takes that from all.
pub async fn clear(tx: &mut Tx, id: &WorkspaceId) -> Result<(), StoreError> {
    tx.execute(&REMOVE_CONSUMERS, values![*id]).await.map(drop)
}
