//! Rows of the resources that the newest states manage.

use terrane_domain::ids::{WorkspaceId, WorkspaceResourceId};
use terrane_domain::workspace_resources::WorkspaceResource;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(WorkspaceResource, "workspace_resources", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13", {
    id, organization_id, workspace_id, address, module, name, provider, provider_type, name_index, fingerprint,
    modified_by_state_version_id, created_at, updated_at
});

statements! {
    INSERT: WorkspaceResource = insert;
    LIST: WorkspaceResource = select "WHERE workspace_id = $1 AND LOWER(address) LIKE $2 ESCAPE '!' ORDER BY address LIMIT $3 OFFSET $4";
    COUNT = "SELECT COUNT(*) FROM workspace_resources WHERE workspace_id = $1 AND LOWER(address) LIKE $2 ESCAPE '!'";
    ALL: WorkspaceResource = select "WHERE workspace_id = $1";
    UPDATE = "UPDATE workspace_resources SET provider = $2, fingerprint = $3, modified_by_state_version_id = $4, updated_at = $5 WHERE id = $1";
    DELETE = "DELETE FROM workspace_resources WHERE id = $1";
}

/// Inserts a resource.
pub async fn insert(tx: &mut Tx, resource: &WorkspaceResource) -> Result<(), StoreError> {
    tx.execute(&INSERT, resource.values()).await.map(drop)
}

/// Writes what a newer state says of a resource.
pub async fn update(tx: &mut Tx, resource: &WorkspaceResource) -> Result<bool, StoreError> {
    let values = values![
        resource.id,
        resource.provider,
        resource.fingerprint,
        resource.modified_by_state_version_id,
        resource.updated_at,
    ];
    tx.changed(&UPDATE, values).await
}

/// Removes a resource that no newer state has.
pub async fn remove(tx: &mut Tx, id: &WorkspaceResourceId) -> Result<bool, StoreError> {
    tx.changed(&DELETE, values![*id]).await
}

/// One page of a workspace's resources whose address has `part` in it, by address, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &WorkspaceId,
    part: &str,
    limit: i64,
    offset: i64,
) -> Result<(Vec<WorkspaceResource>, i64), StoreError> {
    let escaped = part.to_ascii_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let pattern = format!("%{escaped}%");
    let total = tx.scalar(&COUNT, values![*id, pattern]).await?.unwrap_or(0);
    Ok((tx.all(&LIST, values![*id, pattern, limit, offset]).await?, total))
}

/// All of a workspace's resources, in no order.
pub async fn all(tx: &mut Tx, id: &WorkspaceId) -> Result<Vec<WorkspaceResource>, StoreError> {
    tx.all(&ALL, values![*id]).await
}
