//! Rows of variables, their values sealed.

use terrane_domain::ids::{OrganizationId, VariableId, WorkspaceId};
use terrane_domain::time::Timestamp;
use terrane_domain::variables::{Variable, VariableCategory};

use crate::error::StoreError;
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
    created_at: Timestamp,
}

record!(VariableRow, "variables", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10", {
    id, organization_id, workspace_id, key, sealed_value, description, category, hcl, sensitive, created_at
});

statements! {
    INSERT: VariableRow = insert;
    OF_WORKSPACE: VariableRow = select "WHERE workspace_id = $1 ORDER BY key, category";
}

fn place(id: &VariableId) -> Place<'_> {
    Place { table: "variables", id: id.as_str(), column: "value" }
}

/// Inserts a variable.
pub async fn insert(tx: &mut Tx, variable: &Variable) -> Result<(), StoreError> {
    let sealed_value = tx.seal(&variable.organization_id, place(&variable.id), variable.value.as_bytes()).await?;
    let row = VariableRow {
        id: variable.id.clone(),
        organization_id: variable.organization_id.clone(),
        workspace_id: variable.workspace_id.clone(),
        key: variable.key.clone(),
        sealed_value,
        description: variable.description.clone(),
        category: variable.category,
        hcl: variable.hcl,
        sensitive: variable.sensitive,
        created_at: variable.created_at,
    };
    tx.execute(&INSERT, row.values()).await.map(drop)
}

/// A workspace's variables with their values, by key.
pub async fn of_workspace(tx: &mut Tx, id: &WorkspaceId) -> Result<Vec<Variable>, StoreError> {
    let rows: Vec<VariableRow> = tx.all(&OF_WORKSPACE, values![*id]).await?;
    let mut variables = Vec::with_capacity(rows.len());
    for row in rows {
        let value = tx.open(&row.organization_id, place(&row.id), &row.sealed_value).await?;
        variables.push(Variable {
            value: String::from_utf8(value).map_err(|_| StoreError::Sealed("variables"))?,
            id: row.id,
            organization_id: row.organization_id,
            workspace_id: row.workspace_id,
            key: row.key,
            description: row.description,
            category: row.category,
            hcl: row.hcl,
            sensitive: row.sensitive,
            created_at: row.created_at,
        });
    }
    Ok(variables)
}
