//! Which workspaces may read another's state in their runs.
//!
//! Source: `api-docs/workspaces.mdx`, "Get Remote State Consumers" and after.

use serde_json::json;
use terrane_domain::access::{Action, Caller, Membership, OrganizationPermission};
use terrane_domain::ids::WorkspaceId;
use terrane_domain::workspaces::Workspace;
use terrane_store::Tx;

use crate::lookups::{self, Place, WorkspaceKey};
use crate::workspaces::{WorkspaceFilter, WorkspaceView, list_in};
use crate::{App, AppError, AppResult, events};

/// What a request does with the workspaces that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerChange {
    /// Adds them.
    Add,
    /// Takes them away.
    Remove,
    /// Makes them all that there are.
    Replace,
}

/// One page of the workspaces that may read the state, and their total number: those that were named, or, where all
/// may, all others. Only those are shown that the caller may read.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<WorkspaceView>, i64)> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::ReadWorkspace).await?;
                let place = lookups::place_in_organization(tx, &caller, &found.organization_id).await?;
                let filter = WorkspaceFilter {
                    consumers_of: (!found.global_remote_state).then(|| found.id.clone()),
                    except: Some(found.id.clone()),
                    ..WorkspaceFilter::default()
                };
                list_in(tx, &caller, &place, &filter, limit, offset).await
            })
        })
        .await
}

/// Names workspaces that may read the state. Each must be one that the caller may read.
pub async fn change(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    named: Vec<String>,
    change: ConsumerChange,
) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_workspace(tx, &caller, &key, Action::UpdateWorkspace).await?;
                if change == ConsumerChange::Replace && !manages_workspaces(&place) {
                    return Err(AppError::NotFound);
                }
                if found.global_remote_state {
                    return Err(AppError::Invalid {
                        pointer: Some("/data".to_owned()),
                        detail: "Remote state consumers cannot be named while global-remote-state is true".to_owned(),
                    });
                }
                let consumers = consumers(tx, &caller, &found, &named, change).await?;
                if change == ConsumerChange::Replace {
                    terrane_store::remote_state_consumers::clear(tx, &found.id).await?;
                }
                for id in &consumers {
                    if change == ConsumerChange::Remove {
                        terrane_store::remote_state_consumers::remove(tx, &found.id, id).await?;
                    } else {
                        terrane_store::remote_state_consumers::add(tx, &found.id, id).await?;
                    }
                }
                let action = match change {
                    ConsumerChange::Add => "workspace.remote-state-consumers.add",
                    ConsumerChange::Remove => "workspace.remote-state-consumers.remove",
                    ConsumerChange::Replace => "workspace.remote-state-consumers.replace",
                };
                let details = json!({ "consumers": consumers });
                events::record(tx, &caller, &found.organization_id, action, found.id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}

/// Replacing the whole list could take away what the caller may not even see.
fn manages_workspaces(place: &Place) -> bool {
    place.standing.membership == Membership::Owner
        || place.standing.organization.has(OrganizationPermission::ManageWorkspaces)
}

async fn consumers(
    tx: &mut Tx,
    caller: &Caller,
    workspace: &Workspace,
    named: &[String],
    change: ConsumerChange,
) -> AppResult<Vec<WorkspaceId>> {
    let refused = |detail: String| AppError::Invalid { pointer: Some("/data".to_owned()), detail };
    let mut consumers = Vec::new();
    for text in named {
        let Ok(id) = text.parse::<WorkspaceId>() else {
            return Err(refused("The workspace does not exist, or you may not read it".to_owned()));
        };
        if change != ConsumerChange::Remove {
            if id == workspace.id {
                return Err(refused("A workspace cannot be a consumer of its own state".to_owned()));
            }
            let key = WorkspaceKey::Id(id.clone());
            match lookups::workspace(tx, caller, &key, Action::ReadWorkspace).await {
                Ok(found) if found.organization_id == workspace.organization_id => {}
                Ok(_) | Err(AppError::NotFound) => {
                    return Err(refused(format!("The workspace {id} does not exist, or you may not read it")));
                }
                Err(error) => return Err(error),
            }
        }
        consumers.push(id);
    }
    Ok(consumers)
}
