//! Rows of tags that are bound to workspaces and projects.

use terrane_domain::ids::{OrganizationId, ProjectId, TagBindingId, WorkspaceId};
use terrane_domain::tag_bindings::{TagBinding, Taggable};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(TagBinding, "tag_bindings", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, workspace_id, project_id, key, value, created_at, position
});

statements! {
    INSERT_BINDING: TagBinding = insert;
    BINDINGS_OF_WORKSPACES: TagBinding = select_many "workspace_id";
    BINDINGS_OF_PROJECTS: TagBinding = select_many "project_id";
    BINDINGS_OF_ALL_PROJECTS: TagBinding = select "WHERE organization_id = $1 AND project_id IS NOT NULL";
    SET_VALUE = "UPDATE tag_bindings SET value = $2 WHERE id = $1";
    DELETE_BINDING = "DELETE FROM tag_bindings WHERE id = $1";
}

fn in_order(mut bindings: Vec<TagBinding>) -> Vec<TagBinding> {
    bindings.sort_by(|left, right| {
        (left.created_at, left.position, &left.id).cmp(&(right.created_at, right.position, &right.id))
    });
    bindings
}

/// What is bound to something, oldest first.
pub async fn of(tx: &mut Tx, taggable: &Taggable) -> Result<Vec<TagBinding>, StoreError> {
    match taggable {
        Taggable::Workspace(id) => of_workspaces(tx, &[id]).await,
        Taggable::Project(id) => of_projects(tx, &[id]).await,
    }
}

/// What is bound to several workspaces, oldest first.
pub async fn of_workspaces(tx: &mut Tx, ids: &[&WorkspaceId]) -> Result<Vec<TagBinding>, StoreError> {
    tx.many(&BINDINGS_OF_WORKSPACES, ids).await.map(in_order)
}

/// What is bound to several projects, oldest first.
pub async fn of_projects(tx: &mut Tx, ids: &[&ProjectId]) -> Result<Vec<TagBinding>, StoreError> {
    tx.many(&BINDINGS_OF_PROJECTS, ids).await.map(in_order)
}

/// What is bound to all projects of an organization, oldest first.
pub async fn of_all_projects(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<TagBinding>, StoreError> {
    tx.all(&BINDINGS_OF_ALL_PROJECTS, values![*id]).await.map(in_order)
}

/// Binds a tag.
pub async fn insert(tx: &mut Tx, binding: &TagBinding) -> Result<(), StoreError> {
    tx.execute(&INSERT_BINDING, binding.values()).await.map(drop)
}

/// Gives a bound tag another value.
pub async fn set_value(tx: &mut Tx, id: &TagBindingId, value: &str) -> Result<(), StoreError> {
    tx.execute(&SET_VALUE, values![*id, value.to_owned()]).await.map(drop)
}

/// Takes a bound tag away.
pub async fn delete(tx: &mut Tx, id: &TagBindingId) -> Result<(), StoreError> {
    tx.execute(&DELETE_BINDING, values![*id]).await.map(drop)
}
