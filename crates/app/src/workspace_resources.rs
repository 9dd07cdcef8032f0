//! Resources of workspaces, which are read from each new state in the background: a state has as many as it likes, and
//! nobody waits for them.
//!
//! Source: `api-docs/workspace-resources.mdx`.

use std::collections::BTreeMap;

use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::WorkspaceResourceId;
use terrane_domain::state_versions::StateVersion;
use terrane_domain::workspace_resources::WorkspaceResource;
use terrane_store::{StoreError, Tx};

use crate::lookups::{self, WorkspaceKey};
use crate::state_documents::{self, Instance};
use crate::{App, AppError, AppResult, entropy, streams};

/// How many rows are written at a time: other writers wait for no more.
const BATCH: usize = 200;

/// One page of the resources that a workspace's newest state manages and whose address has `part` in it, by address,
/// and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    part: String,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<WorkspaceResource>, i64)> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &caller, &key, Action::ReadWorkspace).await?;
                Ok(terrane_store::workspace_resources::list(tx, &workspace.id, &part, limit, offset).await?)
            })
        })
        .await
}

/// What a new state changes of what is known.
#[derive(Clone)]
enum Change {
    Insert(WorkspaceResource),
    Update(WorkspaceResource),
    Remove(WorkspaceResourceId),
}

fn changes(version: &StateVersion, instances: Vec<Instance>, known: Vec<WorkspaceResource>) -> Vec<Change> {
    let mut known: BTreeMap<_, _> = known.into_iter().map(|resource| (resource.address.clone(), resource)).collect();
    // An address stands once: a state that was made by hand may repeat it.
    let found: BTreeMap<_, _> = instances.into_iter().map(|instance| (instance.address.clone(), instance)).collect();
    let mut changes = Vec::new();
    for (address, instance) in found {
        match known.remove(&address) {
            Some(resource)
                if resource.fingerprint == instance.fingerprint && resource.provider == instance.provider => {}
            Some(resource) => changes.push(Change::Update(WorkspaceResource {
                provider: instance.provider,
                fingerprint: instance.fingerprint,
                modified_by_state_version_id: version.id.clone(),
                updated_at: version.created_at,
                ..resource
            })),
            None => changes.push(Change::Insert(WorkspaceResource {
                id: WorkspaceResourceId::from_entropy(entropy()),
                organization_id: version.organization_id.clone(),
                workspace_id: version.workspace_id.clone(),
                address,
                module: instance.module,
                name: instance.name,
                provider: instance.provider,
                provider_type: instance.provider_type,
                name_index: instance.name_index,
                fingerprint: instance.fingerprint,
                modified_by_state_version_id: version.id.clone(),
                created_at: version.created_at,
                updated_at: version.created_at,
            })),
        }
    }
    changes.extend(known.into_values().map(|resource| Change::Remove(resource.id)));
    changes
}

/// Holds the workspace, if this is its newest state still.
async fn hold_if_newest(tx: &mut Tx, version: &StateVersion) -> Result<bool, StoreError> {
    terrane_store::workspaces::hold(tx, &version.workspace_id).await?;
    let workspace = terrane_store::workspaces::by_id(tx, &version.workspace_id).await?;
    Ok(workspace.is_some_and(|found| found.current_state_version_id.as_ref() == Some(&version.id)))
}

/// Writes some of the changes; `false` if a newer state has come, which says more.
async fn write(app: &App, version: &StateVersion, batch: Vec<Change>) -> AppResult<bool> {
    let version = version.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                if !hold_if_newest(tx, &version).await? {
                    return Ok(false);
                }
                for change in &batch {
                    match change {
                        Change::Insert(resource) => terrane_store::workspace_resources::insert(tx, resource).await?,
                        Change::Update(resource) => {
                            terrane_store::workspace_resources::update(tx, resource).await?;
                        }
                        Change::Remove(id) => {
                            terrane_store::workspace_resources::remove(tx, id).await?;
                        }
                    }
                }
                Ok::<_, AppError>(true)
            })
        })
        .await
}

/// Takes over what the state manages, unless a newer one comes meanwhile. Of one that is no state that we can read there
/// is nothing to take.
async fn take_over(app: &App, version: &StateVersion, known: Vec<WorkspaceResource>) -> AppResult<()> {
    let Some(blob) = &version.blob else { return Ok(()) };
    let reader = app.store.blob_reader(blob).await?;
    let instances = match streams::read_blob(reader, state_documents::instances).await? {
        Ok(instances) => instances,
        Err(error) => {
            tracing::warn!(state = %version.id, %error, "the resources of a state cannot be read");
            return Ok(());
        }
    };
    let mut changes = changes(version, instances, known);
    while !changes.is_empty() {
        let batch = changes.split_off(changes.len().saturating_sub(BATCH));
        if !write(app, version, batch).await? {
            break;
        }
    }
    Ok(())
}

/// Reads the resources of the oldest state that waits for it; `false` if none does. One whose resources could not be read
/// at any later time either is logged and waits no more.
pub async fn process_next(app: &App) -> AppResult<bool> {
    let next = app
        .store
        .read(|tx| {
            Box::pin(async move {
                let Some(version) = terrane_store::state_versions::unprocessed(tx).await? else { return Ok(None) };
                let workspace = terrane_store::workspaces::by_id(tx, &version.workspace_id).await?;
                let newest = workspace.and_then(|found| found.current_state_version_id);
                let known = terrane_store::workspace_resources::all(tx, &version.workspace_id).await?;
                Ok::<_, AppError>(Some((newest == Some(version.id.clone()), version, known)))
            })
        })
        .await?;
    let Some((is_newest, version, known)) = next else { return Ok(false) };
    if is_newest && let Err(error) = take_over(app, &version, known).await {
        if matches!(&error, AppError::Store(error) if !error.is_lasting()) {
            return Err(error);
        }
        let error = &error as &dyn std::error::Error;
        tracing::error!(state = %version.id, error, "the resources of a state can never be read, and are left out");
    }
    app.store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::state_versions::set_processed(tx, &version.id).await?;
                Ok::<_, AppError>(true)
            })
        })
        .await
}
