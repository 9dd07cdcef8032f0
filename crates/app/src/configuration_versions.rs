//! Configuration versions and their archives.

use serde_json::json;
use terrane_domain::access::{Action, Caller, CredentialKind};
use terrane_domain::archive::MAX_PACKED_BYTES;
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::ids::{ConfigurationVersionId, UserId};
use terrane_store::{BlobKind, BlobReader};

use crate::lookups::WorkspaceKey;
use crate::signed_urls::{Grant, Purpose, sign};
use crate::streams::{Body, receive};
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
    let (key, told) = (blob.key.clone(), refusal.clone());
    let subject = grant.subject.clone();
    let has_arrived = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let arrival = told.as_deref().map_or(Ok(key.as_str()), Err);
                let was_pending = terrane_store::configuration_versions::by_id(tx, &id)
                    .await?
                    .is_some_and(|version| version.status == ConfigurationVersionStatus::Pending);
                let status = terrane_store::configuration_versions::set_arrival(tx, &id, arrival).await?;
                let Some(status) = status else { return Ok(false) };
                let details = json!({ "status": status, "bytes": blob.size, "error": told });
                let (organization_id, actor) = (&version.organization_id, format!("upload {subject}"));
                events::record_by(tx, actor, organization_id, "configuration-version.upload", id.as_str(), details)
                    .await?;
                if version.auto_queue_runs && was_pending && status == ConfigurationVersionStatus::Uploaded {
                    let caller = uploader(&subject);
                    runs::create_in(tx, &caller, runs::NewRun::for_configuration(&version)).await?;
                }
                Ok::<_, AppError>(true)
            })
        })
        .await?;
    match refusal {
        None if has_arrived => Ok(()),
        // The version went away, or was archived, while its archive came.
        None => {
            app.store.remove_blob(&blob.key).await?;
            Err(AppError::NotFound)
        }
        Some(detail) => Err(AppError::Invalid { pointer: None, detail }),
    }
}

/// The person who got the upload's address acts by uploading: the address is the credential.
fn uploader(subject: &str) -> Caller {
    match subject.parse::<UserId>() {
        Ok(id) => Caller {
            kind: CredentialKind::User,
            principal: terrane_domain::access::Principal::User(id),
            token_id: None,
        },
        Err(_) => Caller::anonymous(),
    }
}

/// Opens the archive that a signed address was given for.
pub async fn download(app: &App, grant: &Grant) -> AppResult<BlobReader> {
    let id: ConfigurationVersionId = grant.resource.parse().map_err(|_| AppError::NotFound)?;
    let blob = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let version = terrane_store::configuration_versions::by_id(tx, &id).await?;
                version.and_then(|version| version.blob).ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(app.store.blob_reader(&blob).await?)
}

/// Where the archive can be fetched, for who may queue runs with it.
pub async fn download_address(app: &App, caller: &Caller, id: ConfigurationVersionId) -> AppResult<String> {
    let version = read(app, caller, id).await?;
    if version.blob.is_none() {
        return Err(AppError::NotFound);
    }
    Ok(sign(app, caller, Purpose::ConfigurationDownload, version.id.as_str()))
}
