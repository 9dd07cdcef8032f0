//! The bytes of states on their way in: from clients in one or two steps, and from runners.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use terrane_domain::ids::{OrganizationId, StateVersionId, StateVersionOutputId, WorkspaceId};
use terrane_domain::state_versions::{MAX_STATE_BYTES, StateVersion, StateVersionStatus};
use terrane_domain::workspaces::LockConflict;
use terrane_store::state_versions::NewOutput;
use terrane_store::{BlobKind, StoreError, StoredBlob, Tx};

use crate::signed_urls::{Grant, UPLOAD_TIME};
use crate::state_documents::{OutputDocument, StateDocument};
use crate::streams::{Body, receive, remove_if_refused, remove_unless_named};
use crate::{App, AppError, AppResult, entropy, events, queue};

/// Largest JSON form of a state, in bytes. It says more of the same state.
const MAX_JSON_STATE_BYTES: u64 = 1 << 30;

/// Streams the JSON form of a state into a blob.
pub(crate) async fn store_json(
    app: &App,
    organization_id: &OrganizationId,
    name: &str,
    body: Body,
) -> AppResult<StoredBlob> {
    let writer = app.store.blob_writer(organization_id, BlobKind::JsonState, name).await?;
    Ok(receive(body, writer, MAX_JSON_STATE_BYTES, |_| ()).await?.0)
}

/// Streams a raw state into a blob and reads what documents show of it.
pub(crate) async fn store_state(
    app: &App,
    organization_id: &OrganizationId,
    name: &str,
    body: Body,
) -> AppResult<(StoredBlob, Result<Arc<StateDocument>, String>)> {
    let writer = app.store.blob_writer(organization_id, BlobKind::State, name).await?;
    receive(body, writer, MAX_STATE_BYTES, |reader| StateDocument::read(reader).map(Arc::new)).await
}

/// A workspace's newest state, which nobody else replaces before this transaction ends.
pub(crate) async fn hold_current(tx: &mut Tx, workspace_id: &WorkspaceId) -> Result<Option<StateVersion>, StoreError> {
    terrane_store::workspaces::hold(tx, workspace_id).await?;
    terrane_store::state_versions::current(tx, workspace_id).await
}

/// Announces a state that may follow the current one: what was announced before it is no longer waited for.
pub(crate) async fn announce(tx: &mut Tx, version: &StateVersion) -> Result<(), StoreError> {
    terrane_store::state_versions::discard_pending(tx, &version.workspace_id).await?;
    terrane_store::state_versions::insert(tx, version).await
}

/// Whether an announced state can still come.
pub(crate) async fn is_awaited(tx: &mut Tx, workspace_id: &WorkspaceId) -> AppResult<bool> {
    let since = tx.now().minus(UPLOAD_TIME);
    Ok(terrane_store::state_versions::pending(tx, workspace_id, since).await?.is_some())
}

/// Refuses while an announced state can still come; those that came too late will not be taken any more.
pub(crate) async fn expire_announced(tx: &mut Tx, workspace_id: &WorkspaceId) -> AppResult<()> {
    terrane_store::workspaces::hold(tx, workspace_id).await?;
    if is_awaited(tx, workspace_id).await? {
        return Err(LockConflict::StatePending.into());
    }
    Ok(terrane_store::state_versions::discard_pending(tx, workspace_id).await?)
}

/// Inserts a state's outputs.
pub(crate) async fn insert_outputs(
    tx: &mut Tx,
    version: &StateVersion,
    outputs: &BTreeMap<String, OutputDocument>,
) -> Result<(), StoreError> {
    for (name, output) in outputs {
        let output = NewOutput {
            id: StateVersionOutputId::from_entropy(entropy()),
            state_version_id: &version.id,
            name,
            sensitive: output.sensitive,
            detailed_type: &output.detailed_type,
            value: output.value.get(),
        };
        terrane_store::state_versions::insert_output(tx, &version.organization_id, output).await?;
    }
    Ok(())
}

/// Makes an announced state whole: status, size, outputs, current state of the workspace, which is held. One that was
/// announced before another came is not taken any more.
pub(crate) async fn finalize(
    tx: &mut Tx,
    version: &mut StateVersion,
    blob: &StoredBlob,
    document: &StateDocument,
    actor: String,
) -> AppResult<()> {
    version.blob = Some(blob.key.clone());
    version.size = i64::try_from(blob.size).unwrap_or(i64::MAX);
    version.terraform_version.clone_from(&document.terraform_version);
    version.resources = document.resource_list();
    if !terrane_store::state_versions::finalize(tx, version).await? {
        return Err(AppError::Conflict(
            "the state version is no longer waiting for its bytes; create a new one".to_owned(),
        ));
    }
    version.status = StateVersionStatus::Finalized;
    terrane_store::state_versions::discard_pending(tx, &version.workspace_id).await?;
    // Of an encrypted state there is only what its client said when it announced it.
    if !document.is_encrypted() {
        terrane_store::state_versions::remove_outputs(tx, &version.id).await?;
        insert_outputs(tx, version, &document.outputs).await?;
    }
    terrane_store::workspaces::set_current_state(tx, &version.workspace_id, &version.id, document.managed_count())
        .await?;
    queue::supersede_saved_plans(tx, &version.workspace_id).await?;
    let details = json!({ "serial": version.serial, "bytes": version.size });
    events::record_by(tx, actor, &version.organization_id, "state-version.create", version.id.as_str(), details)
        .await?;
    Ok(())
}

async fn announced(app: &App, grant: &Grant) -> AppResult<StateVersion> {
    let id: StateVersionId = grant.resource.parse().map_err(|_| AppError::NotFound)?;
    app.store
        .read(move |tx| {
            Box::pin(async move { terrane_store::state_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound) })
        })
        .await
}

/// Takes the bytes that a signed address was given for. The same bytes again are taken without effect; others are a
/// conflict.
pub async fn upload(app: &App, grant: &Grant, body: Body) -> AppResult<()> {
    let mut version = announced(app, grant).await?;
    if version.status == StateVersionStatus::Discarded {
        return Err(AppError::Conflict("the state version was discarded; create a new one".to_owned()));
    }
    let (blob, document) = store_state(app, &version.organization_id, version.id.as_str(), body).await?;
    if !blob.md5.eq_ignore_ascii_case(&version.md5) {
        app.store.remove_blob(&blob.key).await?;
        let detail = format!("the uploaded state has the MD5 {}, but {} was announced", blob.md5, version.md5);
        return Err(if version.status == StateVersionStatus::Finalized {
            AppError::Conflict(detail)
        } else {
            AppError::Invalid { pointer: None, detail }
        });
    }
    if version.status == StateVersionStatus::Finalized {
        app.store.remove_blob(&blob.key).await?;
        return Ok(());
    }
    let document = document.map_err(|error| AppError::Invalid {
        pointer: None,
        detail: format!("the uploaded state cannot be read: {error}"),
    });
    remove_if_refused(app, &blob.key, &document).await;
    let (document, key, actor) = (document?, blob.key.clone(), format!("upload {}", grant.subject));
    let written = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::workspaces::hold(tx, &version.workspace_id).await?;
                finalize(tx, &mut version, &blob, &document, actor).await
            })
        })
        .await;
    remove_if_refused(app, &key, &written).await;
    written
}

/// Takes the JSON form of a state.
pub async fn upload_json(app: &App, grant: &Grant, body: Body) -> AppResult<()> {
    let version = announced(app, grant).await?;
    let blob = store_json(app, &version.organization_id, version.id.as_str(), body).await?;
    let (key, actor) = (blob.key.clone(), format!("upload {}", grant.subject));
    let is_first = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                if !terrane_store::state_versions::set_json_blob(tx, &version.id, &blob.key).await? {
                    return Ok(false);
                }
                let (details, subject) = (json!({ "bytes": blob.size }), version.id.as_str());
                events::record_by(tx, actor, &version.organization_id, "state-version.upload-json", subject, details)
                    .await?;
                Ok::<_, AppError>(true)
            })
        })
        .await;
    remove_unless_named(app, &key, is_first).await
}
