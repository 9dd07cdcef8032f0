//! State versions: read, list, announce, roll in.

use base64::Engine as _;
use md5::{Digest as _, Md5};
use serde_json::json;
use terrane_domain::access::{Action, Authorized, Caller};
use terrane_domain::ids::{RunId, StateVersionId, StateVersionOutputId, WorkspaceId};
use terrane_domain::state_versions::{NewState, StateVersion, StateVersionOutput, StateVersionStatus, may_follow};
use terrane_domain::workspaces::Workspace;
use terrane_store::{BlobReader, Tx, hex};

use crate::lookups::{self, WorkspaceKey};
use crate::signed_urls::{Grant, Purpose, sign};
use crate::state_uploads::{announce, finalize, hold_current, store_state};
use crate::{App, AppError, AppResult, entropy, events, streams, workspaces};

/// Most bytes of a state inside a request; larger ones are sent to the upload address.
pub const MAX_INLINE_BYTES: usize = 32 << 20;

/// A state version with its addresses.
#[derive(Clone)]
pub struct StateVersionView {
    /// The state version.
    pub version: StateVersion,
    /// Its outputs.
    pub output_ids: Vec<StateVersionOutputId>,
    /// Where the raw state can be fetched.
    pub download_url: Option<String>,
    /// Where its JSON form can be fetched.
    pub json_download_url: Option<String>,
    /// Where the raw state is to be sent; told only to who announced it.
    pub upload_url: Option<String>,
    /// Where its JSON form is to be sent.
    pub json_upload_url: Option<String>,
}

fn view(app: &App, caller: &Caller, version: StateVersion, outputs: &[StateVersionOutput]) -> StateVersionView {
    let id = version.id.as_str();
    let download = |purpose| sign(app, caller, purpose, id);
    StateVersionView {
        download_url: version.blob.as_ref().map(|_| download(Purpose::StateDownload)),
        json_download_url: version.json_blob.as_ref().map(|_| download(Purpose::JsonStateDownload)),
        upload_url: None,
        json_upload_url: None,
        output_ids: outputs.iter().map(|output| output.id.clone()).collect(),
        version,
    }
}

/// The state versions of these ids, of workspaces whose states the caller was found to read.
pub(crate) async fn some(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    ids: &[&StateVersionId],
) -> AppResult<Vec<StateVersionView>> {
    let versions = terrane_store::state_versions::by_ids(tx, ids).await?;
    let outputs = terrane_store::state_versions::outputs_of(tx, ids).await?;
    let of = |version: &StateVersion| -> Vec<_> {
        outputs.iter().filter(|output| output.state_version_id == version.id).cloned().collect()
    };
    Ok(versions.into_iter().map(|version| view(app, caller, version.clone(), &of(&version))).collect())
}

/// What a request for a new state version says.
#[derive(Clone)]
pub struct NewStateVersion {
    /// Serial.
    pub serial: i64,
    /// Lineage; may be empty.
    pub lineage: String,
    /// MD5 of the raw state, in hexadecimal.
    pub md5: String,
    /// Whether serial and lineage are not to be checked.
    pub force: bool,
    /// The run that makes it, as the client says.
    pub run_id: Option<RunId>,
    /// The raw state in base64, from clients that send it inside the request.
    pub state: Option<String>,
}

fn new_version(tx: &Tx, caller: &Caller, workspace: &Workspace, new: &NewStateVersion) -> StateVersion {
    StateVersion {
        id: StateVersionId::from_entropy(entropy()),
        organization_id: workspace.organization_id.clone(),
        workspace_id: workspace.id.clone(),
        run_id: new.run_id.clone(),
        created_by: caller.user_id().cloned(),
        status: StateVersionStatus::Pending,
        serial: new.serial,
        lineage: new.lineage.clone(),
        md5: new.md5.to_ascii_lowercase(),
        size: 0,
        terraform_version: None,
        blob: None,
        json_blob: None,
        resources: json!([]),
        created_at: tx.now(),
    }
}

/// Whether the caller may write this state now; the answer holds until the transaction ends.
async fn check(tx: &mut Tx, caller: &Caller, id: &WorkspaceId, new: &NewStateVersion) -> AppResult<()> {
    let current = hold_current(tx, id).await?;
    let workspace = terrane_store::workspaces::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if !workspace.is_locked_by(&workspaces::holder_of(caller)?) {
        return Err(AppError::Conflict(match &workspace.lock_holder {
            Some(holder) => {
                format!("The workspace is locked by {}; only the holder may write its state", holder.describe())
            }
            None => "The workspace must be locked by you before you write its state".to_owned(),
        }));
    }
    let state =
        NewState { serial: new.serial, lineage: &new.lineage, md5: &new.md5.to_ascii_lowercase(), force: new.force };
    may_follow(current.as_ref(), &state).map_err(|conflict| AppError::Conflict(conflict.to_string()))
}

/// Announces a state; the answer says where its bytes are to be sent. Bytes inside the request are taken at once.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    new: NewStateVersion,
) -> AppResult<StateVersionView> {
    if new.md5.len() != 32 || !new.md5.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(AppError::invalid("md5", "MD5 must be 32 hexadecimal digits"));
    }
    if new.state.is_some() {
        return create_inline(app, caller, key, new).await;
    }
    let actor = caller.clone();
    let version = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::WriteState).await?;
                check(tx, &actor, &workspace.id, &new).await?;
                let version = new_version(tx, &actor, &workspace, &new);
                announce(tx, &version).await?;
                let (details, subject) = (json!({ "serial": version.serial }), version.id.as_str());
                events::record(tx, &actor, &version.organization_id, "state-version.announce", subject, details)
                    .await?;
                Ok::<_, AppError>(version)
            })
        })
        .await?;
    let id = version.id.to_string();
    let mut view = view(app, caller, version, &[]);
    view.upload_url = Some(sign(app, caller, Purpose::StateUpload, &id));
    view.json_upload_url = Some(sign(app, caller, Purpose::JsonStateUpload, &id));
    Ok(view)
}

async fn create_inline(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    new: NewStateVersion,
) -> AppResult<StateVersionView> {
    let encoded = new.state.as_deref().unwrap_or_default();
    if encoded.len() / 4 * 3 > MAX_INLINE_BYTES {
        return Err(AppError::TooLarge(
            "the state is larger than 32 MiB; leave `state` out and send it to hosted-state-upload-url".to_owned(),
        ));
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .map_err(|_| AppError::invalid("state", "State must be base64"))?;
    let md5 = hex(&Md5::digest(&bytes));
    if !md5.eq_ignore_ascii_case(&new.md5) {
        return Err(AppError::invalid("md5", format!("MD5 of the state is {md5}, not {}", new.md5)));
    }
    // The blob is written before the lock is looked at, so the right comes first.
    let (actor, wanted) = (caller.clone(), key.clone());
    let organization_id = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &wanted, Action::WriteState).await?;
                Ok::<_, AppError>(workspace.organization_id.clone())
            })
        })
        .await?;
    let (blob, document) = store_state(app, &organization_id, "inline", streams::body(bytes)).await?;
    let document = document.map_err(|error| AppError::invalid("state", format!("State cannot be read: {error}")));
    streams::remove_if_refused(app, &blob.key, &document).await;
    let document = document?;
    let (actor, key_of_blob) = (caller.clone(), blob.key.clone());
    let written = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::WriteState).await?;
                check(tx, &actor, &workspace.id, &new).await?;
                let mut version = new_version(tx, &actor, &workspace, &new);
                if version.lineage.is_empty() {
                    version.lineage.clone_from(&document.lineage);
                }
                announce(tx, &version).await?;
                finalize(tx, &mut version, &blob, &document, actor.actor()).await?;
                let outputs = terrane_store::state_versions::outputs(tx, &version.id).await?;
                Ok::<_, AppError>((version, outputs))
            })
        })
        .await;
    streams::remove_if_refused(app, &key_of_blob, &written).await;
    let (version, outputs) = written?;
    Ok(view(app, caller, version, &outputs))
}

async fn authorized(
    tx: &mut Tx,
    caller: &Caller,
    version: StateVersion,
    action: Action,
) -> AppResult<Authorized<StateVersion>> {
    let workspace = lookups::workspace(tx, caller, &WorkspaceKey::Id(version.workspace_id.clone()), action).await?;
    Ok(workspace.with(version))
}

/// One state version.
pub async fn read(app: &App, caller: &Caller, id: StateVersionId) -> AppResult<StateVersionView> {
    let actor = caller.clone();
    let (version, outputs) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let version = terrane_store::state_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let version = authorized(tx, &actor, version, Action::ReadState).await?;
                let outputs = terrane_store::state_versions::outputs(tx, &version.id).await?;
                Ok::<_, AppError>((version.into_inner(), outputs))
            })
        })
        .await?;
    Ok(view(app, caller, version, &outputs))
}

/// A workspace's newest finalized state.
pub async fn current(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<StateVersionView> {
    let actor = caller.clone();
    let (version, outputs) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::ReadState).await?;
                let version =
                    terrane_store::state_versions::current(tx, &workspace.id).await?.ok_or(AppError::NotFound)?;
                let outputs = terrane_store::state_versions::outputs(tx, &version.id).await?;
                Ok::<_, AppError>((version, outputs))
            })
        })
        .await?;
    Ok(view(app, caller, version, &outputs))
}

/// One page of a workspace's states, newest first, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<StateVersionView>, i64)> {
    let actor = caller.clone();
    let (versions, total) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::ReadState).await?;
                Ok::<_, AppError>(terrane_store::state_versions::list(tx, &workspace.id, limit, offset).await?)
            })
        })
        .await?;
    Ok((versions.into_iter().map(|version| view(app, caller, version, &[])).collect(), total))
}

/// The outputs of a workspace's newest state; none if it has no state: clients take a 404 for a failure.
pub async fn current_outputs(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<Vec<StateVersionOutput>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &caller, &key, Action::ReadStateOutputs).await?;
                match terrane_store::state_versions::current(tx, &workspace.id).await? {
                    Some(version) => Ok(terrane_store::state_versions::outputs(tx, &version.id).await?),
                    None => Ok(Vec::new()),
                }
            })
        })
        .await
}

/// The outputs of one state version, sensitive values in clear, for who may read the state.
pub async fn outputs(app: &App, caller: &Caller, id: StateVersionId) -> AppResult<Vec<StateVersionOutput>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let version = terrane_store::state_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let version = authorized(tx, &caller, version, Action::ReadState).await?;
                Ok(terrane_store::state_versions::outputs(tx, &version.id).await?)
            })
        })
        .await
}

/// One output with its value.
pub async fn output(app: &App, caller: &Caller, id: StateVersionOutputId) -> AppResult<StateVersionOutput> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let output = terrane_store::state_versions::output_by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let version = terrane_store::state_versions::by_id(tx, &output.state_version_id)
                    .await?
                    .ok_or(AppError::NotFound)?;
                let action = if output.sensitive { Action::ReadState } else { Action::ReadStateOutputs };
                authorized(tx, &caller, version, action).await.map(|_| output)
            })
        })
        .await
}

/// Opens the state that a signed address was given for.
pub async fn download(app: &App, grant: &Grant) -> AppResult<BlobReader> {
    let id: StateVersionId = grant.resource.parse().map_err(|_| AppError::NotFound)?;
    let is_json = grant.purpose == Purpose::JsonStateDownload;
    let blob = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let version = terrane_store::state_versions::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                if is_json { version.json_blob } else { version.blob }.ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(app.store.blob_reader(&blob).await?)
}
