//! Rows of configuration versions.

use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::ids::{ConfigurationVersionId, WorkspaceId};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(ConfigurationVersion, "configuration_versions", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", {
    id, organization_id, workspace_id, status, source, auto_queue_runs, speculative, provisional, error_message, blob,
    created_at
});

statements! {
    INSERT: ConfigurationVersion = insert;
    BY_ID: ConfigurationVersion = select "WHERE id = $1";
    VERSIONS_BY_IDS: ConfigurationVersion = select_many "id";
    NEWEST_USABLE: ConfigurationVersion = select "WHERE workspace_id = $1 AND status = 'uploaded' AND speculative = FALSE AND provisional = FALSE ORDER BY created_at DESC, id DESC LIMIT 1";
    SET_CURRENT = "UPDATE workspaces SET current_configuration_version_id = $2 WHERE id = $1";
    SET_UPLOADED = "UPDATE configuration_versions SET status = 'uploaded', blob = $2, error_message = NULL WHERE id = $1 AND status IN ('pending', 'uploaded', 'errored')";
    SET_ERRORED = "UPDATE configuration_versions SET status = 'errored', error_message = $2 WHERE id = $1 AND status IN ('pending', 'errored')";
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

/// Notes the archive's arrival, or its refusal with the reason. `None` if that is not the time for it: the version is
/// gone or archived, or what is refused would replace a sound archive.
pub async fn set_arrival(
    tx: &mut Tx,
    id: &ConfigurationVersionId,
    arrival: Result<&str, &str>,
) -> Result<Option<ConfigurationVersionStatus>, StoreError> {
    let (statement, text, status) = match arrival {
        Ok(blob) => (&SET_UPLOADED, blob, ConfigurationVersionStatus::Uploaded),
        Err(reason) => (&SET_ERRORED, reason, ConfigurationVersionStatus::Errored),
    };
    Ok(tx.changed(statement, values![*id, text.to_owned()]).await?.then_some(status))
}
