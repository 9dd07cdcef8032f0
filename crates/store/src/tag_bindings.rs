//! Rows of tags that are bound to workspaces and projects.

use terrane_domain::ids::{ProjectId, TagBindingId, WorkspaceId};
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

/// Tagged, some with values, that something must be bound to, as statements take them: lists are texts with a comma around
/// each member.
pub(crate) struct Tagged {
    /// Tagged with any value; none if nothing is looked for.
    pub(crate) keys: Option<String>,
    /// `key/value`.
    pub(crate) pairs: Option<String>,
    /// How many both are.
    pub(crate) count: i64,
}

impl Tagged {
    /// A key or value with a character that lists cannot hold is counted and listed nowhere: nothing is bound to it.
    pub(crate) fn of(tagged: &[(String, Option<String>)]) -> Self {
        let (mut keys, mut pairs) = (Vec::new(), Vec::new());
        for (key, value) in tagged {
            match value {
                Some(value) => pairs.push(format!("{key}/{value}")),
                None => keys.push(key.clone()),
            }
        }
        for list in [&mut keys, &mut pairs] {
            list.sort_unstable();
            list.dedup();
        }
        let count = i64::try_from(keys.len() + pairs.len()).unwrap_or(i64::MAX);
        keys.retain(|key| !key.contains([',', '/']));
        pairs.retain(|pair| !pair.contains(',') && pair.matches('/').count() == 1);
        let some = |list: &[String]| (count > 0).then(|| listed(list));
        Self { keys: some(&keys), pairs: some(&pairs), count }
    }
}

/// `,a,b,`
pub(crate) fn listed(members: &[String]) -> String {
    format!(",{},", members.join(","))
}
