//! State versions: read, list, announce, roll in.

mod related;
mod rollback;

use std::collections::BTreeMap;

use base64::Engine as _;
use md5::{Digest as _, Md5};
use serde_json::json;
use terrane_domain::access::{Action, Authorized, Caller};
use terrane_domain::ids::{RunId, StateVersionId, StateVersionOutputId, WorkspaceId};
use terrane_domain::state_versions::{NewState, StateVersion, StateVersionOutput, StateVersionStatus, may_follow};
use terrane_domain::workspaces::Workspace;
use terrane_store::{BlobReader, StoreError, StoredBlob, Tx, hex};

pub use related::{Related, Wanted, related};
pub use rollback::rollback;

use crate::lookups::{self, WorkspaceKey};
use crate::signed_urls::{Grant, Purpose, sign};
use crate::state_documents::{OutputDocument, StateDocument};
use crate::state_uploads::{announce, finalize, hold_current, insert_outputs, store_json, store_state};
use crate::streams::remove_if_refused;
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

fn view(app: &App, caller: &Caller, version: StateVersion, output_ids: Vec<StateVersionOutputId>) -> StateVersionView {
    let id = version.id.as_str();
    let download = |purpose| sign(app, caller, purpose, id);
    StateVersionView {
        download_url: version.blob.as_ref().map(|_| download(Purpose::StateDownload)),
        json_download_url: version.json_blob.as_ref().map(|_| download(Purpose::JsonStateDownload)),
        upload_url: None,
        json_upload_url: None,
        output_ids,
        version,
    }
}

async fn output_ids(tx: &mut Tx, id: &StateVersionId) -> Result<Vec<StateVersionOutputId>, StoreError> {
    Ok(terrane_store::state_versions::output_ids_of(tx, &[id]).await?.remove(id).unwrap_or_default())
}

/// The state versions of these ids, of workspaces whose states the caller was found to read.
pub(crate) async fn some(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    ids: &[&StateVersionId],
) -> AppResult<Vec<StateVersionView>> {
    let versions = terrane_store::state_versions::by_ids(tx, ids).await?;
    views(tx, app, caller, versions).await
}

async fn views(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    versions: Vec<StateVersion>,
) -> AppResult<Vec<StateVersionView>> {
    let ids: Vec<_> = versions.iter().map(|version| &version.id).collect();
    let mut outputs = terrane_store::state_versions::output_ids_of(tx, &ids).await?;
    let mut view = |version: StateVersion| {
        let ids = outputs.remove(&version.id).unwrap_or_default();
        view(app, caller, version, ids)
    };
    Ok(versions.into_iter().map(&mut view).collect())
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
    /// Its JSON form in base64.
    pub json_state: Option<String>,
    /// Its outputs in base64, as `terraform output -json` writes them. They are all that is known of the outputs of an
    /// encrypted state.
    pub json_state_outputs: Option<String>,
}

fn new_version(tx: &Tx, caller: &Caller, workspace: &Workspace, new: &NewStateVersion) -> StateVersion {
    let NewStateVersion { serial, force, .. } = *new;
    let new_state = NewState { serial, lineage: &new.lineage, md5: &new.md5.to_ascii_lowercase(), force };
    let (organization_id, workspace_id) = (workspace.organization_id.clone(), workspace.id.clone());
    let id = StateVersionId::from_entropy(entropy());
    StateVersion {
        run_id: new.run_id.clone(),
        created_by: caller.user_id().cloned(),
        ..StateVersion::announced(id, organization_id, workspace_id, &new_state, tx.now())
    }
}

/// Refuses who does not hold the workspace's lock. The workspace is held.
async fn require_lock(tx: &mut Tx, app: &App, caller: &Caller, id: &WorkspaceId) -> AppResult<()> {
    let workspace = terrane_store::workspaces::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if workspace.is_locked_by(&workspaces::holder_of(caller)?) {
        return Ok(());
    }
    workspaces::refuse_recovery(tx, app, &workspace).await?;
    Err(AppError::Conflict(match &workspace.lock_holder {
        Some(holder) => {
            format!("The workspace is locked by {}; only the holder may write its state", holder.describe())
        }
        None => "The workspace must be locked by you before you write its state".to_owned(),
    }))
}

/// Whether the caller may write this state now; the answer holds until the transaction ends.
async fn check(tx: &mut Tx, app: &App, caller: &Caller, id: &WorkspaceId, new: &NewStateVersion) -> AppResult<()> {
    let current = hold_current(tx, id).await?;
    require_lock(tx, app, caller, id).await?;
    if let Some(run_id) = &new.run_id {
        let run = terrane_store::runs::by_id(tx, run_id).await?;
        if run.is_none_or(|run| run.workspace_id != *id) {
            return Err(AppError::invalid_relation("run", "The workspace has no such run"));
        }
    }
    let state =
        NewState { serial: new.serial, lineage: &new.lineage, md5: &new.md5.to_ascii_lowercase(), force: new.force };
    may_follow(current.as_ref(), &state).map_err(|conflict| AppError::Conflict(conflict.to_string()))
}

/// The bytes of an attribute in base64.
fn decoded(attribute: &str, encoded: Option<&str>) -> AppResult<Option<Vec<u8>>> {
    let Some(encoded) = encoded else { return Ok(None) };
    if encoded.len() / 4 * 3 > MAX_INLINE_BYTES {
        return Err(AppError::TooLarge(format!(
            "{attribute} is larger than 32 MiB; leave `state` and `json-state` out and send the state to \
             hosted-state-upload-url, its JSON form to hosted-json-state-upload-url"
        )));
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    bytes.map(Some).map_err(|_| AppError::invalid(attribute, format!("{attribute} must be base64")))
}

/// What came inside the request, stored before the lock is looked at.
#[derive(Clone, Default)]
struct Inline {
    state: Option<StoredBlob>,
    json: Option<StoredBlob>,
}

impl Inline {
    /// Stores the bytes, if there are any, and reads the state; the caller's right comes first.
    async fn store(
        app: &App,
        caller: &Caller,
        key: &WorkspaceKey,
        state: Option<Vec<u8>>,
        json: Option<Vec<u8>>,
    ) -> AppResult<(Self, Option<StateDocument>)> {
        if state.is_none() && json.is_none() {
            return Ok((Self::default(), None));
        }
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
        let (mut inline, mut read) = (Self::default(), None);
        if let Some(bytes) = state {
            let (blob, document) = store_state(app, &organization_id, "inline", streams::body(bytes)).await?;
            let document =
                document.map_err(|error| AppError::invalid("state", format!("State cannot be read: {error}")));
            remove_if_refused(app, &blob.key, &document).await;
            (inline.state, read) = (Some(blob), Some(document?));
        }
        if let Some(bytes) = json {
            let stored = store_json(app, &organization_id, "inline", streams::body(bytes)).await;
            inline.remove_if_refused(app, &stored).await;
            inline.json = Some(stored?);
        }
        Ok((inline, read))
    }

    async fn remove_if_refused<T>(&self, app: &App, written: &AppResult<T>) {
        for blob in self.state.iter().chain(&self.json) {
            remove_if_refused(app, &blob.key, written).await;
        }
    }
}

/// Announces a state; the answer says where its bytes are to be sent. Bytes inside the request are taken at once.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    mut new: NewStateVersion,
) -> AppResult<StateVersionView> {
    if new.md5.len() != 32 || !new.md5.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(AppError::invalid("md5", "MD5 must be 32 hexadecimal digits"));
    }
    let state = decoded("state", new.state.take().as_deref())?;
    let json = decoded("json-state", new.json_state.take().as_deref())?;
    let outputs = match decoded("json-state-outputs", new.json_state_outputs.take().as_deref())? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| AppError::invalid("json-state-outputs", format!("The outputs cannot be read: {error}")))?,
        None => BTreeMap::new(),
    };
    if let Some(bytes) = &state {
        let md5 = hex(&Md5::digest(bytes));
        if !md5.eq_ignore_ascii_case(&new.md5) {
            return Err(AppError::invalid("md5", format!("MD5 of the state is {md5}, not {}", new.md5)));
        }
    }
    let (inline, document) = Inline::store(app, caller, &key, state, json).await?;
    let (server, actor, stored) = (app.clone(), caller.clone(), inline.clone());
    let told = Told { new, outputs, document };
    let written = app
        .store
        .write(move |tx| Box::pin(async move { create_in(tx, &server, &actor, &key, told, &stored).await }))
        .await;
    inline.remove_if_refused(app, &written).await;
    let (version, outputs) = written?;
    let (id, is_pending) = (version.id.to_string(), version.status == StateVersionStatus::Pending);
    let has_json = version.json_blob.is_some();
    let mut view = view(app, caller, version, outputs);
    view.upload_url = is_pending.then(|| sign(app, caller, Purpose::StateUpload, &id));
    view.json_upload_url = (is_pending && !has_json).then(|| sign(app, caller, Purpose::JsonStateUpload, &id));
    Ok(view)
}

/// What a request says of a state: by itself, of its outputs, and by the bytes inside.
struct Told {
    new: NewStateVersion,
    outputs: BTreeMap<String, OutputDocument>,
    document: Option<StateDocument>,
}

async fn create_in(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    key: &WorkspaceKey,
    told: Told,
    inline: &Inline,
) -> AppResult<(StateVersion, Vec<StateVersionOutputId>)> {
    let workspace = lookups::workspace(tx, caller, key, Action::WriteState).await?;
    check(tx, app, caller, &workspace.id, &told.new).await?;
    let mut version = new_version(tx, caller, &workspace, &told.new);
    version.json_blob = inline.json.as_ref().map(|blob| blob.key.clone());
    if let Some(document) = told.document.as_ref().filter(|_| version.lineage.is_empty()) {
        version.lineage.clone_from(&document.lineage);
    }
    announce(tx, &version).await?;
    insert_outputs(tx, &version, told.outputs).await?;
    let (Some(blob), Some(document)) = (&inline.state, told.document) else {
        let (details, subject) = (json!({ "serial": version.serial }), version.id.as_str());
        events::record(tx, caller, &version.organization_id, "state-version.announce", subject, details).await?;
        return Ok((version, Vec::new()));
    };
    finalize(tx, &mut version, blob, document, caller.actor()).await?;
    let outputs = output_ids(tx, &version.id).await?;
    Ok((version, outputs))
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
                let outputs = output_ids(tx, &version.id).await?;
                Ok::<_, AppError>((version.into_inner(), outputs))
            })
        })
        .await?;
    Ok(view(app, caller, version, outputs))
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
                let outputs = output_ids(tx, &version.id).await?;
                Ok::<_, AppError>((version, outputs))
            })
        })
        .await?;
    Ok(view(app, caller, version, outputs))
}

/// One page of a workspace's states with one of these statuses, newest first, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    statuses: Vec<StateVersionStatus>,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<StateVersionView>, i64)> {
    let actor = caller.clone();
    let server = app.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &actor, &key, Action::ReadState).await?;
                let (versions, total) =
                    terrane_store::state_versions::list(tx, &workspace.id, &statuses, limit, offset).await?;
                Ok((views(tx, &server, &actor, versions).await?, total))
            })
        })
        .await
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
                if version.status == StateVersionStatus::Pending {
                    // Clients try again when they find these two words, in lower case.
                    return Err(AppError::Unavailable(
                        "service unavailable: the state has not come yet, and its outputs are not known; try again soon"
                            .to_owned(),
                    ));
                }
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
