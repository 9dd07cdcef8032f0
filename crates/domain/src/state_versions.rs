//! State versions: every state that a workspace ever had, and the rules by which a new one is taken.

use crate::ids::{OrganizationId, RunId, StateVersionId, StateVersionOutputId, UserId, WorkspaceId};
use crate::time::Timestamp;

/// Largest state, in bytes: a runner that applies holds it in memory.
pub const MAX_STATE_BYTES: u64 = 512 << 20;

words! {
    /// Status of a state version.
    pub enum StateVersionStatus {
        /// Announced; the bytes have not come yet.
        Pending = "pending",
        /// Stored.
        Finalized = "finalized",
        /// Superseded before its bytes came, or given up because they did not come in time.
        Discarded = "discarded",
    }
}

/// A state version; the bytes lie in a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateVersion {
    /// Identifier.
    pub id: StateVersionId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The run that made it, if one did.
    pub run_id: Option<RunId>,
    /// The person who made it, if one did.
    pub created_by: Option<UserId>,
    /// Where it stands.
    pub status: StateVersionStatus,
    /// Rises with each change of one lineage.
    pub serial: i64,
    /// Tells unrelated states apart.
    pub lineage: String,
    /// MD5 of the raw state, in hexadecimal.
    pub md5: String,
    /// Bytes of the raw state.
    pub size: i64,
    /// Version of terraform that wrote it.
    pub terraform_version: Option<String>,
    /// Where the raw state lies.
    pub blob: Option<String>,
    /// Where its JSON form lies, if one was sent.
    pub json_blob: Option<String>,
    /// Resources of the state, as the API lists them: a JSON array.
    pub resources: serde_json::Value,
    /// Whether the workspace's resources are known by this state, or by a later one.
    pub resources_processed: bool,
    /// The state version of which this is a copy, if the workspace was rolled back to it.
    pub rollback_of: Option<StateVersionId>,
    /// When it was announced.
    pub created_at: Timestamp,
}

impl StateVersion {
    /// One that is announced: nobody made it yet, and its bytes are still to come.
    pub fn announced(
        id: StateVersionId,
        organization_id: OrganizationId,
        workspace_id: WorkspaceId,
        new: &NewState<'_>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            organization_id,
            workspace_id,
            run_id: None,
            created_by: None,
            status: StateVersionStatus::Pending,
            serial: new.serial,
            lineage: new.lineage.to_owned(),
            md5: new.md5.to_owned(),
            size: 0,
            terraform_version: None,
            blob: None,
            json_blob: None,
            resources: serde_json::json!([]),
            resources_processed: false,
            rollback_of: None,
            created_at: now,
        }
    }
}

/// One output of a state version; its value is sealed in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct StateVersionOutput {
    /// Identifier.
    pub id: StateVersionOutputId,
    /// The state version.
    pub state_version_id: StateVersionId,
    /// Its name.
    pub name: String,
    /// Whether the value must not be shown in lists.
    pub sensitive: bool,
    /// Its type, as terraform writes it in JSON (`"string"`, `["list","string"]`).
    pub detailed_type: serde_json::Value,
    /// Its value.
    pub value: serde_json::Value,
}

impl StateVersionOutput {
    /// The type in one word, as `type` has it: string, number, boolean, array or object.
    pub fn simple_type(&self) -> &'static str {
        let head = match &self.detailed_type {
            serde_json::Value::Array(parts) => parts.first().and_then(serde_json::Value::as_str),
            other => other.as_str(),
        };
        match head {
            Some("number") => "number",
            Some("bool") => "boolean",
            Some("list" | "set" | "tuple") => "array",
            Some("map" | "object") => "object",
            _ => "string",
        }
    }
}

/// What is known of a state before its bytes come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewState<'a> {
    /// Its serial.
    pub serial: i64,
    /// Its lineage; empty or absent from old clients.
    pub lineage: &'a str,
    /// MD5 of its bytes.
    pub md5: &'a str,
    /// Whether serial and lineage are not to be checked.
    pub force: bool,
}

/// Why a state is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateConflict {
    /// An unrelated state.
    #[error(
        "The state has the lineage {new:?}, but the workspace's state has {current:?}; use force only if you mean to replace it"
    )]
    Lineage {
        /// The workspace's.
        current: String,
        /// The caller's.
        new: String,
    },
    /// An older state.
    #[error(
        "The state has the serial {new}, but the workspace's state already has {current}; pull the newest state and make your change on it"
    )]
    Serial {
        /// The workspace's.
        current: i64,
        /// The caller's.
        new: i64,
    },
}

/// Whether what a run hands in is already there: the same bytes, or what the same run has written since. A runner sends
/// only the newest, but a call whose answer was lost comes again.
pub fn is_stored(current: Option<&StateVersion>, run_id: &RunId, new: &NewState<'_>) -> bool {
    current.is_some_and(|current| {
        let is_same = current.serial == new.serial && current.md5 == new.md5;
        let is_older = current.serial > new.serial && current.lineage == new.lineage;
        is_same || (is_older && current.run_id.as_ref() == Some(run_id))
    })
}

/// Whether the state may follow `current`. The same serial with the same bytes again is taken: clients repeat
/// requests whose answer they missed.
pub fn may_follow(current: Option<&StateVersion>, new: &NewState<'_>) -> Result<(), StateConflict> {
    let Some(current) = current else { return Ok(()) };
    if new.force {
        return Ok(());
    }
    if !new.lineage.is_empty() && !current.lineage.is_empty() && current.lineage != new.lineage {
        return Err(StateConflict::Lineage { current: current.lineage.clone(), new: new.lineage.to_owned() });
    }
    let is_repeat = new.serial == current.serial && new.md5 == current.md5;
    if new.serial <= current.serial && !is_repeat {
        return Err(StateConflict::Serial { current: current.serial, new: new.serial });
    }
    Ok(())
}
