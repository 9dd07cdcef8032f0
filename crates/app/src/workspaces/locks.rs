//! The lock of a workspace: taken, given back, taken away.

use serde_json::json;
use terrane_domain::access::{Action, Caller, Principal};
use terrane_domain::workspaces::{LONGEST_REASON, LockConflict, LockHolder, Workspace};
use terrane_store::Tx;

use super::{WorkspaceKey, WorkspaceView, view};
use crate::{App, AppError, AppResult, events, lookups, queue, state_uploads};

/// The lock that a caller takes: a person his own, a run its own.
pub(crate) fn holder_of(caller: &Caller) -> AppResult<LockHolder> {
    match &caller.principal {
        Principal::User(id) => Ok(LockHolder::User(id.clone())),
        Principal::Team { team_id, .. } => Ok(LockHolder::Team(team_id.clone())),
        Principal::Organization(id) => Ok(LockHolder::Organization(id.clone())),
        Principal::Run { run_id, .. } => Ok(LockHolder::Run(run_id.clone())),
        Principal::Nobody | Principal::Runner(_) => Err(AppError::NotFound),
    }
}

impl From<LockConflict> for AppError {
    fn from(conflict: LockConflict) -> Self {
        match conflict {
            // Not 409: clients throw the text of a 409 away, and with it the hint to try again, or the way out.
            LockConflict::StatePending | LockConflict::Recovery { .. } => {
                Self::Invalid { pointer: None, detail: conflict.to_string() }
            }
            _ => Self::Conflict(conflict.to_string()),
        }
    }
}

/// Refuses what a lock that waits for a person's decision stands against, and says the way out.
pub(crate) async fn refuse_recovery(tx: &mut Tx, app: &App, workspace: &Workspace) -> AppResult<()> {
    let Some(LockHolder::Recovery(run_id)) = &workspace.lock_holder else { return Ok(()) };
    let organization = terrane_store::organizations::by_id(tx, &workspace.organization_id).await?;
    let organization = organization.ok_or(AppError::NotFound)?.name;
    let place = format!("app/{organization}/workspaces/{}", workspace.name);
    let conflict = LockConflict::Recovery {
        page: format!("{}/{place}/runs/{run_id}", app.public_url()),
        organization,
        workspace: workspace.name.clone(),
        run_id: run_id.clone(),
    };
    Err(conflict.into())
}

/// Takes the lock for the caller.
pub async fn lock(app: &App, caller: &Caller, key: WorkspaceKey, reason: String) -> AppResult<WorkspaceView> {
    let (server, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::LockWorkspace).await?;
                refuse_recovery(tx, &server, &found).await?;
                found.may_lock()?;
                if reason.chars().count() > LONGEST_REASON {
                    let detail = format!("Reason is too long (maximum is {LONGEST_REASON} characters)");
                    return Err(AppError::Invalid { pointer: Some("/reason".to_owned()), detail });
                }
                let holder = holder_of(&caller)?;
                if !terrane_store::workspaces::lock(tx, &found.id, &holder, &reason).await? {
                    return Err(LockConflict::AlreadyLocked.into());
                }
                after_lock_change(tx, &caller, &found, "workspace.lock", json!({ "reason": reason })).await
            })
        })
        .await
}

/// Gives the caller's lock back.
pub async fn unlock(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<WorkspaceView> {
    let (server, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::LockWorkspace).await?;
                refuse_recovery(tx, &server, &found).await?;
                let holder = holder_of(&caller)?;
                found.may_unlock(&holder)?;
                state_uploads::expire_announced(tx, &found.id).await?;
                if !terrane_store::workspaces::unlock(tx, &found.id, &holder).await? {
                    return Err(LockConflict::NotLocked.into());
                }
                queue::advance(tx, &found.id).await?;
                after_lock_change(tx, &caller, &found, "workspace.unlock", json!({})).await
            })
        })
        .await
}

/// Takes anyone's lock away: the way out of a blocked workspace. A live run's lock stays: cancel or discard the run.
pub async fn force_unlock(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, _) = lookups::held_workspace(tx, &caller, &key, Action::ForceUnlockWorkspace).await?;
                let Some(holder) = found.lock_holder.clone() else { return Err(LockConflict::NotLocked.into()) };
                if let LockHolder::Run(run_id) = &holder {
                    return Err(AppError::Conflict(format!(
                        "Workspace {} is locked by Run {run_id}, which is still under way; cancel or discard that run instead",
                        found.name
                    )));
                }
                terrane_store::state_versions::discard_pending(tx, &found.id).await?;
                if !terrane_store::workspaces::unlock(tx, &found.id, &holder).await? {
                    return Err(LockConflict::NotLocked.into());
                }
                queue::advance(tx, &found.id).await?;
                let details = json!({ "held-by": holder.describe() });
                after_lock_change(tx, &caller, &found, "workspace.force-unlock", details).await
            })
        })
        .await
}

async fn after_lock_change(
    tx: &mut Tx,
    caller: &Caller,
    found: &Workspace,
    action: &str,
    details: serde_json::Value,
) -> AppResult<WorkspaceView> {
    events::record(tx, caller, &found.organization_id, action, found.id.as_str(), details).await?;
    let changed = terrane_store::workspaces::by_id(tx, &found.id).await?.ok_or(AppError::NotFound)?;
    let place = lookups::place_of_workspace(tx, caller, &changed).await?;
    view(tx, caller, &place, changed).await
}
