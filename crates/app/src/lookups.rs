//! Look-ups that name the action: nobody gets a row without saying what for, and what the caller may not see is
//! missing.

use terrane_domain::access::{Action, Allowed, Authorized, Caller, Scope, decide};
use terrane_domain::ids::{OrganizationId, RunId, WorkspaceId};
use terrane_domain::runs::Run;
use terrane_domain::workspaces::Workspace;
use terrane_store::Tx;
use terrane_store::organizations::{Standing, standing_by_id, standing_by_name};

use crate::{AppError, AppResult};

/// An organization with what the caller is in it.
pub(crate) async fn standing(tx: &mut Tx, caller: &Caller, id: &OrganizationId) -> AppResult<Standing> {
    standing_by_id(tx, id, caller.user_id()).await?.ok_or(AppError::NotFound)
}

/// Whether the caller may do `action` there.
pub(crate) fn judge(
    caller: &Caller,
    action: Action,
    standing: &Standing,
    workspace_id: Option<&WorkspaceId>,
) -> AppResult<Allowed> {
    let (organization_id, membership) = (&standing.organization.id, standing.membership);
    decide(caller, action, Scope { organization_id, workspace_id, membership }).map_err(|reason| {
        tracing::debug!(actor = caller.actor(), %action, %reason, "refused");
        AppError::NotFound
    })
}

pub(crate) async fn allow(
    tx: &mut Tx,
    caller: &Caller,
    action: Action,
    organization_id: &OrganizationId,
    workspace_id: Option<&WorkspaceId>,
) -> AppResult<Allowed> {
    judge(caller, action, &standing(tx, caller, organization_id).await?, workspace_id)
}

/// An organization by name, with what the caller is in it.
pub(crate) async fn organization(
    tx: &mut Tx,
    caller: &Caller,
    name: &str,
    action: Action,
) -> AppResult<Authorized<Standing>> {
    let found = standing_by_name(tx, name, caller.user_id()).await?.ok_or(AppError::NotFound)?;
    let allowed = judge(caller, action, &found, None)?;
    Ok(Authorized::new(found, allowed))
}

/// How a client names a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkspaceKey {
    /// By its id.
    Id(WorkspaceId),
    /// By the names of its organization and itself.
    Name {
        /// The organization.
        organization: String,
        /// The workspace.
        workspace: String,
    },
}

/// A workspace.
pub(crate) async fn workspace(
    tx: &mut Tx,
    caller: &Caller,
    key: &WorkspaceKey,
    action: Action,
) -> AppResult<Authorized<Workspace>> {
    Ok(workspace_with_standing(tx, caller, key, action).await?.0)
}

/// A workspace, its organization, and what the caller is there.
pub(crate) async fn workspace_with_standing(
    tx: &mut Tx,
    caller: &Caller,
    key: &WorkspaceKey,
    action: Action,
) -> AppResult<(Authorized<Workspace>, Standing)> {
    let (found, standing) = match key {
        WorkspaceKey::Id(id) => {
            let found = terrane_store::workspaces::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
            let standing = standing(tx, caller, &found.organization_id).await?;
            (found, standing)
        }
        WorkspaceKey::Name { organization, workspace } => {
            let standing = standing_by_name(tx, organization, caller.user_id()).await?.ok_or(AppError::NotFound)?;
            let found = terrane_store::workspaces::by_name(tx, &standing.organization.id, workspace).await?;
            (found.ok_or(AppError::NotFound)?, standing)
        }
    };
    let allowed = judge(caller, action, &standing, Some(&found.id))?;
    Ok((Authorized::new(found, allowed), standing))
}

/// A run; the right is asked for in its workspace.
pub(crate) async fn run(tx: &mut Tx, caller: &Caller, id: &RunId, action: Action) -> AppResult<Authorized<Run>> {
    Ok(run_with_standing(tx, caller, id, action).await?.0)
}

/// A run, its organization, and what the caller is there.
pub(crate) async fn run_with_standing(
    tx: &mut Tx,
    caller: &Caller,
    id: &RunId,
    action: Action,
) -> AppResult<(Authorized<Run>, Standing)> {
    let found = terrane_store::runs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let standing = standing(tx, caller, &found.organization_id).await?;
    let allowed = judge(caller, action, &standing, Some(&found.workspace_id))?;
    Ok((Authorized::new(found, allowed), standing))
}
