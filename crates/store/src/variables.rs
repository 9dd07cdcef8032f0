//! Rows of variables, their values sealed.

use std::collections::{HashMap, HashSet};

use terrane_domain::ids::{OrganizationId, VariableId, WorkspaceId};
use terrane_domain::time::Timestamp;
use terrane_domain::variables::{Variable, VariableCategory};

use crate::error::StoreError;
use crate::held::Held;
use crate::sealing::Place;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

struct VariableRow {
    id: VariableId,
    organization_id: OrganizationId,
    workspace_id: WorkspaceId,
    key: String,
    sealed_value: Vec<u8>,
    description: String,
    category: VariableCategory,
    hcl: bool,
    sensitive: bool,
    version_id: String,
    created_at: Timestamp,
}

record!(VariableRow, "variables", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", {
    id, organization_id, workspace_id, key, sealed_value, description, category, hcl, sensitive, version_id, created_at
});

statements! {
    INSERT: VariableRow = insert;
    BY_ID: VariableRow = select "WHERE id = $1";
    HELD: VariableRow = held "WHERE id = $1";
    OF_WORKSPACE: VariableRow = select "WHERE workspace_id = $1 ORDER BY key, category";
    UPDATE = "UPDATE variables SET key = $2, sealed_value = $3, description = $4, category = $5, hcl = $6, sensitive = $7, version_id = $8 WHERE id = $1";
    DELETE = "DELETE FROM variables WHERE id = $1";
    KEYS_OF_WORKSPACES: VariableKey = select_many "workspace_id";
}

/// Which variables workspaces have.
struct VariableKey {
    workspace_id: WorkspaceId,
    key: String,
    category: VariableCategory,
    id: VariableId,
    sensitive: bool,
}

record!(VariableKey, "variables", "", { workspace_id, key, category, id, sensitive });

fn place(id: &VariableId) -> Place<'_> {
    Place { table: "variables", id: id.as_str(), column: "value" }
}

async fn sealed(tx: &mut Tx, variable: &Variable) -> Result<Vec<u8>, StoreError> {
    tx.seal(&variable.organization_id, place(&variable.id), variable.value.as_bytes()).await
}

/// Inserts a variable.
pub async fn insert(tx: &mut Tx, variable: &Variable) -> Result<(), StoreError> {
    let row = VariableRow {
        id: variable.id.clone(),
        organization_id: variable.organization_id.clone(),
        workspace_id: variable.workspace_id.clone(),
        key: variable.key.clone(),
        sealed_value: sealed(tx, variable).await?,
        description: variable.description.clone(),
        category: variable.category,
        hcl: variable.hcl,
        sensitive: variable.sensitive,
        version_id: variable.version_id.clone(),
        created_at: variable.created_at,
    };
    tx.execute(&INSERT, row.values()).await.map(drop)
}

async fn open(tx: &mut Tx, row: VariableRow) -> Result<Variable, StoreError> {
    let value = tx.open(&row.organization_id, place(&row.id), &row.sealed_value).await?;
    Ok(Variable {
        value: String::from_utf8(value).map_err(|_| StoreError::Sealed("variables"))?,
        id: row.id,
        organization_id: row.organization_id,
        workspace_id: row.workspace_id,
        key: row.key,
        description: row.description,
        category: row.category,
        hcl: row.hcl,
        sensitive: row.sensitive,
        version_id: row.version_id,
        created_at: row.created_at,
    })
}

/// The variable of this id, with its value.
pub async fn by_id(tx: &mut Tx, id: &VariableId) -> Result<Option<Variable>, StoreError> {
    match tx.one(&BY_ID, values![*id]).await? {
        Some(row) => open(tx, row).await.map(Some),
        None => Ok(None),
    }
}

/// The variable of this id, with its value, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &VariableId) -> Result<Option<Held<Variable>>, StoreError> {
    match tx.held::<VariableRow>(&HELD, values![*id]).await? {
        Some(row) => open(tx, row.0).await.map(|variable| Some(Held(variable))),
        None => Ok(None),
    }
}

/// A workspace's variables with their values, by key.
pub async fn of_workspace(tx: &mut Tx, id: &WorkspaceId) -> Result<Vec<Variable>, StoreError> {
    let rows: Vec<VariableRow> = tx.all(&OF_WORKSPACE, values![*id]).await?;
    let mut variables = Vec::with_capacity(rows.len());
    for row in rows {
        variables.push(open(tx, row).await?);
    }
    Ok(variables)
}

/// Which variables each of these workspaces has, by key; workspaces without any are not named.
pub async fn ids_of_workspaces(
    tx: &mut Tx,
    ids: &[&WorkspaceId],
) -> Result<HashMap<WorkspaceId, Vec<VariableId>>, StoreError> {
    let mut rows: Vec<VariableKey> = tx.many(&KEYS_OF_WORKSPACES, ids).await?;
    rows.sort_by(|one, other| (&one.key, one.category).cmp(&(&other.key, other.category)));
    let mut found: HashMap<WorkspaceId, Vec<VariableId>> = HashMap::new();
    for row in rows {
        found.entry(row.workspace_id).or_default().push(row.id);
    }
    Ok(found)
}

/// The workspaces and keys of the sensitive variables of this category that these workspaces have.
pub async fn sensitive_of_workspaces(
    tx: &mut Tx,
    ids: &[&WorkspaceId],
    category: VariableCategory,
) -> Result<HashSet<(WorkspaceId, String)>, StoreError> {
    let rows: Vec<VariableKey> = tx.many(&KEYS_OF_WORKSPACES, ids).await?;
    let sensitive = rows.into_iter().filter(|row| row.sensitive && row.category == category);
    Ok(sensitive.map(|row| (row.workspace_id, row.key)).collect())
}

/// Writes what people may change.
pub async fn update(tx: &mut Tx, variable: &Held<Variable>) -> Result<(), StoreError> {
    let sealed_value = sealed(tx, variable).await?;
    let values = values![
        variable.id,
        variable.key,
        sealed_value,
        variable.description,
        variable.category,
        variable.hcl,
        variable.sensitive,
        variable.version_id,
    ];
    tx.execute(&UPDATE, values).await.map(drop)
}

/// Deletes a variable.
pub async fn delete(tx: &mut Tx, id: &VariableId) -> Result<bool, StoreError> {
    tx.changed(&DELETE, values![*id]).await
}
