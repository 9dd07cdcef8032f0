//! Rows of reserved tag keys.

use terrane_domain::ids::{OrganizationId, ReservedTagKeyId};
use terrane_domain::reserved_tag_keys::ReservedTagKey;

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(ReservedTagKey, "reserved_tag_keys", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, key, disable_overrides, created_at, updated_at
});

statements! {
    INSERT: ReservedTagKey = insert;
    HELD: ReservedTagKey = held "WHERE id = $1";
    LIST: ReservedTagKey = select "WHERE organization_id = $1 ORDER BY key LIMIT $2 OFFSET $3";
    COUNT = "SELECT COUNT(*) FROM reserved_tag_keys WHERE organization_id = $1";
    UPDATE = "UPDATE reserved_tag_keys SET key = $2, disable_overrides = $3, updated_at = $4 WHERE id = $1";
    DELETE = "DELETE FROM reserved_tag_keys WHERE id = $1";
}

/// Inserts a key.
pub async fn insert(tx: &mut Tx, key: &ReservedTagKey) -> Result<(), StoreError> {
    tx.execute(&INSERT, key.values()).await.map(drop)
}

/// The key of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &ReservedTagKeyId) -> Result<Option<Held<ReservedTagKey>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// One page of an organization's keys, in their order, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<ReservedTagKey>, i64), StoreError> {
    let total = tx.scalar(&COUNT, values![*id]).await?.unwrap_or(0);
    Ok((tx.all(&LIST, values![*id, limit, offset]).await?, total))
}

/// Writes what people may change.
pub async fn update(tx: &mut Tx, key: &Held<ReservedTagKey>) -> Result<(), StoreError> {
    tx.execute(&UPDATE, values![key.id, key.key, key.disable_overrides, key.updated_at]).await.map(drop)
}

/// Deletes a key.
pub async fn delete(tx: &mut Tx, id: &ReservedTagKeyId) -> Result<bool, StoreError> {
    tx.changed(&DELETE, values![*id]).await
}
