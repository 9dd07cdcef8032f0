//! Rows of configuration versions.

use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::ids::{ConfigurationVersionId, RunId, WorkspaceId};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;

record!(ConfigurationVersion, "configuration_versions", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12", {
    id, organization_id, workspace_id, status, status_timestamps, source, auto_queue_runs, speculative, provisional,
    error_message, blob, created_at
});

statements! {
    INSERT: ConfigurationVersion = insert;
    BY_ID: ConfigurationVersion = select "WHERE id = $1";
    VERSIONS_BY_IDS: ConfigurationVersion = select_many "id";
    NEWEST_USABLE: ConfigurationVersion = select "WHERE workspace_id = $1 AND status = 'uploaded' AND speculative = FALSE AND (provisional = FALSE OR id = (SELECT current_configuration_version_id FROM workspaces WHERE id = $1)) ORDER BY created_at DESC, id DESC LIMIT 1";
    LIST: ConfigurationVersion = select "WHERE workspace_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3";
    COUNT = "SELECT COUNT(*) FROM configuration_versions WHERE workspace_id = $1";
    NEWEST_RUN = "SELECT id FROM runs WHERE workspace_id = $1 AND configuration_version_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1";
    SET_CURRENT = "UPDATE workspaces SET current_configuration_version_id = $2 WHERE id = $1";
    SET_CURRENT_IF_NEWEST = "UPDATE workspaces SET current_configuration_version_id = $2 WHERE id = $1 AND EXISTS (SELECT 1 FROM configuration_versions c WHERE c.id = $2 AND c.provisional = TRUE AND NOT EXISTS (SELECT 1 FROM configuration_versions n WHERE n.workspace_id = $1 AND n.provisional = FALSE AND n.created_at > c.created_at))";
    SET_UPLOADED = "UPDATE configuration_versions SET status = 'uploaded', blob = $2, status_timestamps = $3, error_message = NULL WHERE id = $1 AND status IN ('pending', 'uploaded', 'errored')";
    SET_ERRORED = "UPDATE configuration_versions SET status = 'errored', error_message = $2, status_timestamps = $3 WHERE id = $1 AND status IN ('pending', 'errored')";
    IS_IN_USE = "SELECT COUNT(*) FROM runs WHERE workspace_id = $1 AND configuration_version_id = $2 AND {open}";
    SET_ARCHIVED = "UPDATE configuration_versions SET status = 'archived', blob = NULL, status_timestamps = $2 WHERE id = $1 AND status = 'uploaded'";
    // A second upload leaves the first one's archive to the runs that were queued with it.
    BLOBS = "SELECT blob FROM configuration_versions WHERE id = $1 AND blob IS NOT NULL UNION SELECT configuration_blob FROM runs WHERE workspace_id = $2 AND configuration_version_id = $1 AND configuration_blob IS NOT NULL";
    FORGET_BLOBS_OF_RUNS = "UPDATE runs SET configuration_blob = NULL WHERE workspace_id = $1 AND configuration_version_id = $2";
}

/// Inserts a configuration version; one that is not provisional becomes its workspace's current one.
pub async fn insert(tx: &mut Tx, version: &ConfigurationVersion) -> Result<(), StoreError> {
    tx.execute(&INSERT, version.values()).await?;
    if !version.provisional {
        tx.execute(&SET_CURRENT, values![version.workspace_id, version.id]).await?;
    }
    Ok(())
}

/// The configuration version of this id.
pub async fn by_id(tx: &mut Tx, id: &ConfigurationVersionId) -> Result<Option<ConfigurationVersion>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The configuration versions of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&ConfigurationVersionId]) -> Result<Vec<ConfigurationVersion>, StoreError> {
    tx.many(&VERSIONS_BY_IDS, ids).await
}

/// The one that a run uses which names none.
pub async fn newest_usable(tx: &mut Tx, id: &WorkspaceId) -> Result<Option<ConfigurationVersion>, StoreError> {
    tx.one(&NEWEST_USABLE, values![*id]).await
}

/// One page of a workspace's configuration versions, newest first, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &WorkspaceId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<ConfigurationVersion>, i64), StoreError> {
    let total = tx.scalar(&COUNT, values![*id]).await?.unwrap_or(0);
    Ok((tx.all(&LIST, values![*id, limit, offset]).await?, total))
}

/// The newest run that uses it.
pub async fn newest_run(tx: &mut Tx, version: &ConfigurationVersion) -> Result<Option<RunId>, StoreError> {
    tx.scalar(&NEWEST_RUN, values![version.workspace_id, version.id]).await
}

/// Makes a provisional version its workspace's current one, now that it was applied, unless a newer one is there.
pub async fn set_current_if_newest(
    tx: &mut Tx,
    workspace_id: &WorkspaceId,
    id: &ConfigurationVersionId,
) -> Result<bool, StoreError> {
    tx.changed(&SET_CURRENT_IF_NEWEST, values![*workspace_id, *id]).await
}

/// The version's timestamps with that of a status it comes to now.
fn stamped(tx: &Tx, version: &ConfigurationVersion, status: ConfigurationVersionStatus) -> serde_json::Value {
    let mut stamps = version.status_timestamps.clone();
    if let (Some(key), serde_json::Value::Object(stamps)) = (status.timestamp_key(), &mut stamps) {
        stamps.insert(key.to_owned(), tx.now().to_string().into());
    }
    stamps
}

/// Notes the archive's arrival, or its refusal with the reason. `None` if that is not the time for it: the version is
/// archived, or gone, or what is refused would replace a sound archive.
pub async fn set_arrival(
    tx: &mut Tx,
    version: &ConfigurationVersion,
    arrival: Result<&str, &str>,
) -> Result<Option<ConfigurationVersionStatus>, StoreError> {
    let (statement, text, status) = match arrival {
        Ok(blob) => (&SET_UPLOADED, blob, ConfigurationVersionStatus::Uploaded),
        Err(reason) => (&SET_ERRORED, reason, ConfigurationVersionStatus::Errored),
    };
    let stamps = stamped(tx, version, status);
    Ok(tx.changed(statement, values![version.id, text.to_owned(), stamps]).await?.then_some(status))
}

/// Whether a run that has not ended uses it.
pub async fn is_in_use(tx: &mut Tx, version: &ConfigurationVersion) -> Result<bool, StoreError> {
    Ok(tx.scalar(&IS_IN_USE, values![version.workspace_id, version.id]).await?.unwrap_or(0) > 0)
}

/// Archives an uploaded version. Answers the blobs that nothing names any more, which can go once the transaction is
/// committed; `None` if the version is not an uploaded one.
pub async fn archive(tx: &mut Tx, version: &ConfigurationVersion) -> Result<Option<Vec<String>>, StoreError> {
    let rows = tx.rows(&BLOBS, values![version.id, version.workspace_id]).await?;
    let blobs = rows.iter().map(|row| Col::get(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let stamps = stamped(tx, version, ConfigurationVersionStatus::Archived);
    if !tx.changed(&SET_ARCHIVED, values![version.id, stamps]).await? {
        return Ok(None);
    }
    tx.execute(&FORGET_BLOBS_OF_RUNS, values![version.workspace_id, version.id]).await?;
    Ok(Some(blobs))
}
