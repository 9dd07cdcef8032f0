//! Configuration versions and their archives.

use serde_json::json;
use terrane_domain::access::{Action, Caller, CredentialKind, Principal};
use terrane_domain::archive::MAX_PACKED_BYTES;
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::ids::{ConfigurationVersionId, OrganizationId, RunId, TeamId, UserId};
use terrane_store::{BlobKind, BlobReader, Tx};

use crate::lookups::WorkspaceKey;
use crate::signed_urls::{Grant, Purpose, sign};
use crate::streams::{Body, receive, remove_if_refused};
use crate::{App, AppError, AppResult, configuration_archives, entropy, events, lookups, runs};

/// What a request for a new configuration version says.
#[derive(Debug, Clone)]
pub struct NewConfigurationVersion {
    /// Whether a run is queued once the archive has come.
    pub auto_queue_runs: bool,
    /// Whether its runs may only plan.
    pub speculative: bool,
    /// Whether it becomes current only when applied.
    pub provisional: bool,
    /// `tfe-api`, or `terraform+cloud` for the CLI.
    pub source: String,
}

/// Makes a configuration version; the second value is where the archive is to be sent, told this once.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    new: NewConfigurationVersion,
) -> AppResult<(ConfigurationVersion, String)> {
    let actor = caller.clone();
    let version = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::QueueRun).await?;
                let version = ConfigurationVersion {
                    id: ConfigurationVersionId::from_entropy(entropy()),
                    organization_id: workspace.organization_id.clone(),
                    workspace_id: workspace.id.clone(),
                    status: ConfigurationVersionStatus::Pending,
                    status_timestamps: json!({}),
                    source: new.source,
                    auto_queue_runs: new.auto_queue_runs,
                    speculative: new.speculative,
                    provisional: new.provisional,
                    error_message: None,
                    blob: None,
                    created_at: tx.now(),
                };
                terrane_store::configuration_versions::insert(tx, &version).await?;
                let details = json!({ "workspace": workspace.name });
                let (organization_id, subject) = (&version.organization_id, version.id.as_str());
                events::record(tx, &actor, organization_id, "configuration-version.create", subject, details).await?;
                Ok::<_, AppError>(version)
            })
        })
        .await?;
    let address = sign(app, caller, Purpose::ConfigurationUpload, version.id.as_str());
    Ok((version, address))
}

/// One configuration version.
pub async fn read(app: &App, caller: &Caller, id: ConfigurationVersionId) -> AppResult<ConfigurationVersion> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let version = terrane_store::configuration_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let key = WorkspaceKey::Id(version.workspace_id.clone());
                lookups::workspace(tx, &caller, &key, Action::ReadWorkspace).await?;
                Ok(version)
            })
        })
        .await
}

/// One page of a workspace's configuration versions, newest first, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<ConfigurationVersion>, i64)> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &caller, &key, Action::ReadWorkspace).await?;
                Ok(terrane_store::configuration_versions::list(tx, &workspace.id, limit, offset).await?)
            })
        })
        .await
}

/// The configuration version that a run uses.
pub async fn of_run(app: &App, caller: &Caller, id: RunId) -> AppResult<ConfigurationVersion> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::ReadWorkspace).await?;
                let id = &run.configuration_version_id;
                terrane_store::configuration_versions::by_id(tx, id).await?.ok_or(AppError::NotFound)
            })
        })
        .await
}

/// The newest run that uses a configuration version which the caller was shown.
pub async fn newest_run(app: &App, version: &ConfigurationVersion) -> AppResult<Option<RunId>> {
    let version = version.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move { Ok(terrane_store::configuration_versions::newest_run(tx, &version).await?) })
        })
        .await
}

/// Gives up the archive of a configuration that is no longer needed. The one that the next run would use is kept, and
/// so is one that a run uses which has not ended.
pub async fn archive(app: &App, caller: &Caller, id: ConfigurationVersionId) -> AppResult<()> {
    let caller = caller.clone();
    let blobs = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let version = terrane_store::configuration_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let key = WorkspaceKey::Id(version.workspace_id.clone());
                let (workspace, _) = lookups::held_workspace(tx, &caller, &key, Action::QueueRun).await?;
                // While the current one's archive has not come, the next run uses the one before it.
                let next = terrane_store::configuration_versions::newest_usable(tx, &workspace.id).await?;
                let current = workspace.current_configuration_version_id.as_ref();
                if current == Some(&id) || next.is_some_and(|next| next.id == id) {
                    return Err(AppError::Conflict(
                        "This is the workspace's current configuration; upload a newer one before you archive it"
                            .to_owned(),
                    ));
                }
                if terrane_store::configuration_versions::is_in_use(tx, &version).await? {
                    return Err(AppError::Conflict(
                        "A run that has not ended uses this configuration; archive it when the run has ended"
                            .to_owned(),
                    ));
                }
                let blobs = terrane_store::configuration_versions::archive(tx, &version).await?.ok_or_else(|| {
                    let status = version.status;
                    AppError::Conflict(format!("Only an uploaded configuration can be archived; this one is {status}"))
                })?;
                let (organization_id, details) = (&version.organization_id, json!({ "workspace": workspace.name }));
                events::record(tx, &caller, organization_id, "configuration-version.archive", id.as_str(), details)
                    .await?;
                Ok::<_, AppError>(blobs)
            })
        })
        .await?;
    for blob in blobs {
        app.store.remove_blob(&blob).await?;
    }
    Ok(())
}

/// Takes the archive that a signed address was given for. A sound one may be sent again: it is for later runs.
pub async fn upload(app: &App, grant: &Grant, body: Body) -> AppResult<()> {
    let id: ConfigurationVersionId = grant.resource.parse().map_err(|_| AppError::NotFound)?;
    let wanted = id.clone();
    let version = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                terrane_store::configuration_versions::by_id(tx, &wanted).await?.ok_or(AppError::NotFound)
            })
        })
        .await?;
    let writer = app.store.blob_writer(&version.organization_id, BlobKind::Configuration, id.as_str()).await?;
    let (blob, checked) =
        receive(body, writer, MAX_PACKED_BYTES, |reader| configuration_archives::check(reader)).await?;
    let refusal = checked.err().map(|error| error.to_string());
    if refusal.is_some() {
        app.store.remove_blob(&blob.key).await?;
    }
    let (key, stored, told) = (blob.key.clone(), blob.key.clone(), refusal.clone());
    let subject = grant.subject.clone();
    let arrived = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let arrival = told.as_deref().map_or(Ok(key.as_str()), Err);
                // Before the version's own row, in the order in which a deletion takes them.
                terrane_store::workspaces::hold(tx, &version.workspace_id).await?;
                let Some(found) = terrane_store::configuration_versions::by_id(tx, &id).await? else {
                    return Ok(false);
                };
                let status = terrane_store::configuration_versions::set_arrival(tx, &found, arrival).await?;
                let Some(status) = status else { return Ok(false) };
                let details = json!({ "status": status, "bytes": blob.size, "error": told });
                let (organization_id, actor) = (&version.organization_id, format!("upload {subject}"));
                events::record_by(tx, actor, organization_id, "configuration-version.upload", id.as_str(), details)
                    .await?;
                if version.auto_queue_runs
                    && found.status == ConfigurationVersionStatus::Pending
                    && status == ConfigurationVersionStatus::Uploaded
                {
                    queue_run(tx, &uploader(&subject, organization_id), &version).await?;
                }
                Ok::<_, AppError>(true)
            })
        })
        .await;
    if refusal.is_none() {
        remove_if_refused(app, &stored, &arrived).await;
    }
    match (refusal, arrived?) {
        (None, true) => Ok(()),
        // The version went away, or was archived, while its archive came.
        (None, false) => {
            app.store.remove_blob(&stored).await?;
            Err(AppError::NotFound)
        }
        (Some(detail), _) => Err(AppError::Invalid { pointer: None, detail }),
    }
}

/// Queues the run that the upload asks for. The archive is sound and has come, whether there can be a run or not.
async fn queue_run(tx: &mut Tx, caller: &Caller, version: &ConfigurationVersion) -> AppResult<()> {
    match runs::create_in(tx, caller, runs::NewRun::for_configuration(version)).await {
        Err(error @ AppError::Store(_)) => Err(error),
        // Refusals come before anything is written.
        Err(refusal) => {
            tracing::info!(configuration = %version.id, actor = caller.actor(), %refusal, "an upload queues no run");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Who got the upload's address acts by uploading: the address is the credential. What he may do is asked again.
fn uploader(subject: &str, organization_id: &OrganizationId) -> Caller {
    let organization_id = organization_id.clone();
    let (kind, principal) = if let Ok(id) = subject.parse::<UserId>() {
        (CredentialKind::User, Principal::User(id))
    } else if let Ok(team_id) = subject.parse::<TeamId>() {
        (CredentialKind::Team, Principal::Team { team_id, organization_id })
    } else if subject.parse().is_ok_and(|id: OrganizationId| id == organization_id) {
        (CredentialKind::Organization, Principal::Organization(organization_id))
    } else {
        return Caller::anonymous();
    };
    Caller { kind, principal, token_id: None }
}

/// Opens the archive that a signed address was given for: a configuration version's, or the one that a run was queued
/// with.
pub async fn download(app: &App, grant: &Grant) -> AppResult<BlobReader> {
    let resource = grant.resource.clone();
    let blob = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let blob = if let Ok(id) = resource.parse::<RunId>() {
                    terrane_store::runs::configuration_blob(tx, &id).await?
                } else {
                    let id: ConfigurationVersionId = resource.parse().map_err(|_| AppError::NotFound)?;
                    terrane_store::configuration_versions::by_id(tx, &id).await?.and_then(|version| version.blob)
                };
                blob.ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(app.store.blob_reader(&blob).await?)
}

/// Where the archive can be fetched, for who may read its workspace.
pub async fn download_address(app: &App, caller: &Caller, id: ConfigurationVersionId) -> AppResult<String> {
    let version = read(app, caller, id).await?;
    if version.blob.is_none() {
        return Err(AppError::NotFound);
    }
    Ok(sign(app, caller, Purpose::ConfigurationDownload, version.id.as_str()))
}

/// Where the archive can be fetched that a run was queued with.
pub async fn download_address_of_run(app: &App, caller: &Caller, id: RunId) -> AppResult<String> {
    let (actor, run_id) = (caller.clone(), id.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &actor, &run_id, Action::ReadWorkspace).await?;
                terrane_store::runs::configuration_blob(tx, &run.id).await?.ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(sign(app, caller, Purpose::ConfigurationDownload, id.as_str()))
}
