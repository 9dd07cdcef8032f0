//! Rows of state versions and their outputs.

use std::collections::HashMap;

use terrane_domain::ids::{OrganizationId, StateVersionId, StateVersionOutputId, WorkspaceId};
use terrane_domain::state_versions::{StateVersion, StateVersionOutput, StateVersionStatus};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::sealing::Place;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::wake::Topic;

record!(StateVersion, "state_versions", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17", {
    id, organization_id, workspace_id, run_id, created_by, status, serial, lineage, md5, size, terraform_version, blob,
    json_blob, resources, resources_processed, rollback_of, created_at
});

struct OutputRow {
    id: StateVersionOutputId,
    organization_id: OrganizationId,
    state_version_id: StateVersionId,
    name: String,
    sensitive: bool,
    detailed_type: serde_json::Value,
    sealed_value: Vec<u8>,
}

record!(OutputRow, "state_version_outputs", "$1, $2, $3, $4, $5, $6, $7", {
    id, organization_id, state_version_id, name, sensitive, detailed_type, sealed_value
});

/// Which outputs a state has, without their values, which may be long.
struct OutputName {
    id: StateVersionOutputId,
    state_version_id: StateVersionId,
    name: String,
}

record!(OutputName, "state_version_outputs", "", { id, state_version_id, name });

statements! {
    INSERT: StateVersion = insert;
    BY_ID: StateVersion = select "WHERE id = $1";
    STATES_BY_IDS: StateVersion = select_many "id";
    OUTPUTS_OF_STATES: OutputRow = select_many "state_version_id";
    OUTPUT_NAMES_OF_STATES: OutputName = select_many "state_version_id";
    CURRENT: StateVersion = select "WHERE id = (SELECT current_state_version_id FROM workspaces WHERE id = $1)";
    PENDING: StateVersion = select "WHERE workspace_id = $1 AND status = 'pending' AND created_at > $2 ORDER BY created_at DESC LIMIT 1";
    LIST: StateVersion = select "WHERE workspace_id = $1 AND status IN ($2, $3, $4) ORDER BY created_at DESC, id DESC LIMIT $5 OFFSET $6";
    COUNT = "SELECT COUNT(*) FROM state_versions WHERE workspace_id = $1 AND status IN ($2, $3, $4)";
    UNPROCESSED: StateVersion = select "WHERE status = 'finalized' AND resources_processed = FALSE ORDER BY created_at LIMIT 1";
    SET_PROCESSED = "UPDATE state_versions SET resources_processed = TRUE WHERE id = $1 AND resources_processed = FALSE";
    FINALIZE = "UPDATE state_versions SET status = 'finalized', blob = $2, size = $3, terraform_version = $4, resources = $5 WHERE id = $1 AND status = 'pending'";
    SET_JSON_BLOB = "UPDATE state_versions SET json_blob = $2 WHERE id = $1 AND json_blob IS NULL";
    DISCARD_PENDING = "UPDATE state_versions SET status = 'discarded' WHERE workspace_id = $1 AND status = 'pending'";
    INSERT_OUTPUT: OutputRow = insert;
    REMOVE_OUTPUTS = "DELETE FROM state_version_outputs WHERE state_version_id = $1";
    OUTPUTS: OutputRow = select "WHERE state_version_id = $1 ORDER BY name";
    OUTPUT_BY_ID: OutputRow = select "WHERE id = $1";
}

/// Inserts a state version.
pub async fn insert(tx: &mut Tx, version: &StateVersion) -> Result<(), StoreError> {
    tx.execute(&INSERT, version.values()).await.map(drop)
}

/// The state version of this id.
pub async fn by_id(tx: &mut Tx, id: &StateVersionId) -> Result<Option<StateVersion>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The state versions of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&StateVersionId]) -> Result<Vec<StateVersion>, StoreError> {
    tx.many(&STATES_BY_IDS, ids).await
}

/// The outputs of several state versions, by name.
pub async fn outputs_of(tx: &mut Tx, ids: &[&StateVersionId]) -> Result<Vec<StateVersionOutput>, StoreError> {
    let mut rows: Vec<OutputRow> = tx.many(&OUTPUTS_OF_STATES, ids).await?;
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    let mut outputs = Vec::with_capacity(rows.len());
    for row in rows {
        outputs.push(open(tx, row).await?);
    }
    Ok(outputs)
}

/// The ids of the outputs of several state versions, by name.
pub async fn output_ids_of(
    tx: &mut Tx,
    ids: &[&StateVersionId],
) -> Result<HashMap<StateVersionId, Vec<StateVersionOutputId>>, StoreError> {
    let mut rows: Vec<OutputName> = tx.many(&OUTPUT_NAMES_OF_STATES, ids).await?;
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    let mut outputs: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        outputs.entry(row.state_version_id).or_default().push(row.id);
    }
    Ok(outputs)
}

/// A workspace's newest finalized state.
pub async fn current(tx: &mut Tx, id: &WorkspaceId) -> Result<Option<StateVersion>, StoreError> {
    tx.one(&CURRENT, values![*id]).await
}

/// A workspace's newest state version that was announced after `moment` and whose bytes have not come.
pub async fn pending(tx: &mut Tx, id: &WorkspaceId, moment: Timestamp) -> Result<Option<StateVersion>, StoreError> {
    tx.one(&PENDING, values![*id, moment]).await
}

/// One page of a workspace's states with one of these statuses, newest first, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &WorkspaceId,
    statuses: &[StateVersionStatus],
    limit: i64,
    offset: i64,
) -> Result<(Vec<StateVersion>, i64), StoreError> {
    let Some(first) = statuses.first() else { return Ok((Vec::new(), 0)) };
    let status = |index: usize| *statuses.get(index).unwrap_or(first);
    let filter = values![*id, status(0), status(1), status(2)];
    let total = tx.scalar(&COUNT, filter.clone()).await?.unwrap_or(0);
    let page = [filter, values![limit, offset]].concat();
    Ok((tx.all(&LIST, page).await?, total))
}

/// The oldest finalized state whose resources have not been read.
pub async fn unprocessed(tx: &mut Tx) -> Result<Option<StateVersion>, StoreError> {
    tx.one(&UNPROCESSED, values![]).await
}

/// Notes that the workspace's resources are known by this state, or by a later one.
pub async fn set_processed(tx: &mut Tx, id: &StateVersionId) -> Result<bool, StoreError> {
    tx.changed(&SET_PROCESSED, values![*id]).await
}

/// Notes that the bytes of a pending state have come; its resources wait to be read.
pub async fn finalize(tx: &mut Tx, version: &StateVersion) -> Result<bool, StoreError> {
    let values = values![version.id, version.blob, version.size, version.terraform_version, version.resources];
    tx.wake(Topic::States);
    tx.changed(&FINALIZE, values).await
}

/// Notes where a state's JSON form lies.
pub async fn set_json_blob(tx: &mut Tx, id: &StateVersionId, blob: &str) -> Result<bool, StoreError> {
    tx.changed(&SET_JSON_BLOB, values![*id, blob.to_owned()]).await
}

/// Gives up on announced states whose bytes never came.
pub async fn discard_pending(tx: &mut Tx, id: &WorkspaceId) -> Result<(), StoreError> {
    tx.execute(&DISCARD_PENDING, values![*id]).await.map(drop)
}

fn output_place(id: &StateVersionOutputId) -> Place<'_> {
    Place { table: "state_version_outputs", id: id.as_str(), column: "value" }
}

/// An output that is to be inserted.
pub struct NewOutput<'a> {
    /// Identifier.
    pub id: StateVersionOutputId,
    /// The state.
    pub state_version_id: &'a StateVersionId,
    /// Name.
    pub name: &'a str,
    /// Whether its value must not be shown.
    pub sensitive: bool,
    /// The type as terraform writes it.
    pub detailed_type: &'a serde_json::Value,
    /// The value as JSON text, which may have many megabytes: it is sealed as it is.
    pub value: &'a str,
}

/// Inserts an output, its value sealed.
pub async fn insert_output(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    output: NewOutput<'_>,
) -> Result<(), StoreError> {
    let row = OutputRow {
        sealed_value: tx.seal(organization_id, output_place(&output.id), output.value.as_bytes()).await?,
        id: output.id,
        organization_id: organization_id.clone(),
        state_version_id: output.state_version_id.clone(),
        name: output.name.to_owned(),
        sensitive: output.sensitive,
        detailed_type: output.detailed_type.clone(),
    };
    // Of a long value there is one copy at a time.
    let values = row.values();
    drop(row);
    tx.insert_long::<OutputRow>(&INSERT_OUTPUT, values).await
}

/// Removes what an announcement said of a state's outputs.
pub async fn remove_outputs(tx: &mut Tx, id: &StateVersionId) -> Result<(), StoreError> {
    tx.execute(&REMOVE_OUTPUTS, values![*id]).await.map(drop)
}

async fn open(tx: &mut Tx, row: OutputRow) -> Result<StateVersionOutput, StoreError> {
    let text = tx.open(&row.organization_id, output_place(&row.id), &row.sealed_value).await?;
    let value = serde_json::from_slice(&text).map_err(|_| StoreError::Sealed("state_version_outputs"))?;
    Ok(StateVersionOutput {
        id: row.id,
        state_version_id: row.state_version_id,
        name: row.name,
        sensitive: row.sensitive,
        detailed_type: row.detailed_type,
        value,
    })
}

/// The outputs of a state, by name.
pub async fn outputs(tx: &mut Tx, id: &StateVersionId) -> Result<Vec<StateVersionOutput>, StoreError> {
    let rows: Vec<OutputRow> = tx.all(&OUTPUTS, values![*id]).await?;
    let mut outputs = Vec::with_capacity(rows.len());
    for row in rows {
        outputs.push(open(tx, row).await?);
    }
    Ok(outputs)
}

/// The output of this id.
pub async fn output_by_id(tx: &mut Tx, id: &StateVersionOutputId) -> Result<Option<StateVersionOutput>, StoreError> {
    let row: Option<OutputRow> = tx.one(&OUTPUT_BY_ID, values![*id]).await?;
    match row {
        Some(row) => open(tx, row).await.map(Some),
        None => Ok(None),
    }
}
