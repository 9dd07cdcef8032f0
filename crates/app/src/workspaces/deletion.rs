//! The end of a workspace: at once, or only if nothing would be lost.
//!
//! Source: `api-docs/workspaces.mdx`, "Force Delete a Workspace" and "Safe Delete a Workspace".

use serde_json::json;
use terrane_domain::access::{Action, Caller, Target};
use terrane_domain::workspaces::Workspace;
use terrane_store::Tx;

use super::{WorkspaceKey, can_force_delete};
use crate::{App, AppError, AppResult, events, lookups, state_uploads};

/// Deletes a workspace with its runs and states, whatever it manages; no destroy run is started. Who is no owner needs
/// the organization's consent to delete one that manages resources or is locked.
pub async fn delete(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<()> {
    let actor = caller.clone();
    let blobs = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_workspace(tx, &actor, &key, Action::DeleteWorkspace).await?;
                let permissions = place.actions(&actor, Target::Workspace(&found.id));
                let is_in_use = found.resource_count > 0 || found.lock_holder.is_some();
                if is_in_use && !can_force_delete(&place.organization, &place.standing, &permissions) {
                    return Err(AppError::Forbidden(format!(
                        "Workspace {} is managing resources or is locked; only an owner may delete it, unless the organization allows force-deletion to administrators",
                        found.name
                    )));
                }
                remove(tx, &actor, &found, "workspace.delete").await
            })
        })
        .await?;
    remove_blobs(app, &blobs).await;
    Ok(())
}

/// Deletes a workspace that manages nothing and that nobody works in. Clients search the texts.
pub async fn safe_delete(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<()> {
    let actor = caller.clone();
    let blobs = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                // What is found empty here stays empty until it is gone.
                let (found, _) = lookups::held_workspace(tx, &actor, &key, Action::DeleteWorkspace).await?;
                let conflict = |why: &str| {
                    AppError::Conflict(format!("Workspace {} cannot be safely deleted because {why}", found.name))
                };
                if found.lock_holder.is_some() {
                    return Err(conflict("it is locked"));
                }
                if state_uploads::is_awaited(tx, &found.id).await? {
                    return Err(conflict("its latest state is still being processed"));
                }
                if found.resource_count > 0 {
                    return Err(conflict("it is still managing resources"));
                }
                remove(tx, &actor, &found, "workspace.safe-delete").await
            })
        })
        .await?;
    remove_blobs(app, &blobs).await;
    Ok(())
}

async fn remove(tx: &mut Tx, caller: &Caller, workspace: &Workspace, action: &str) -> AppResult<Vec<String>> {
    let gone = terrane_store::workspaces::delete(tx, &workspace.id).await?;
    terrane_store::tags::delete_unused(tx, &workspace.organization_id).await?;
    let details = json!({
        "name": workspace.name,
        "resource-count": workspace.resource_count,
        "canceled-runs": gone.open_runs,
        "serial-of": workspace.current_state_version_id,
    });
    events::record(tx, caller, &workspace.organization_id, action, workspace.id.as_str(), details).await?;
    Ok(gone.blobs)
}

/// The rows are gone; a blob that stays because of a failure only takes space.
async fn remove_blobs(app: &App, blobs: &[String]) {
    for blob in blobs {
        if let Err(error) = app.store.remove_blob(blob).await {
            tracing::warn!(%blob, error = &error as &dyn std::error::Error, "a blob of a deleted workspace stays");
        }
    }
}
