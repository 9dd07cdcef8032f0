//! Look-ups that name the action: nobody gets a row without saying what for, and what the caller may not see is
//! missing.

use terrane_domain::access::{Action, Allowed, Authorized, Caller, Membership, Scope, decide};
use terrane_domain::ids::{OrganizationId, RunId, WorkspaceId};
use terrane_domain::organizations::Organization;
use terrane_domain::runs::Run;
use terrane_domain::workspaces::Workspace;
use terrane_store::{StoreError, Tx};

use crate::{AppError, AppResult};

/// The caller's rights in an organization.
pub(crate) async fn membership(tx: &mut Tx, caller: &Caller, id: &OrganizationId) -> Result<Membership, StoreError> {
    match caller.user_id() {
        Some(user_id) => terrane_store::organizations::membership(tx, id, user_id).await,
        None => Ok(Membership::None),
    }
}

pub(crate) async fn allow(
    tx: &mut Tx,
    caller: &Caller,
    action: Action,
    organization_id: &OrganizationId,
    workspace_id: Option<&WorkspaceId>,
) -> AppResult<Allowed> {
    let membership = membership(tx, caller, organization_id).await?;
    decide(caller, action, Scope { organization_id, workspace_id, membership }).map_err(|reason| {
        tracing::debug!(actor = caller.actor(), %action, %reason, "refused");
        AppError::NotFound
    })
}

/// An organization by name.
pub(crate) async fn organization(
    tx: &mut Tx,
    caller: &Caller,
    name: &str,
    action: Action,
) -> AppResult<Authorized<Organization>> {
    let found = terrane_store::organizations::by_name(tx, name).await?.ok_or(AppError::NotFound)?;
    let allowed = allow(tx, caller, action, &found.id, None).await?;
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
    let found = match key {
        WorkspaceKey::Id(id) => terrane_store::workspaces::by_id(tx, id).await?,
        WorkspaceKey::Name { organization, workspace } => {
            match terrane_store::organizations::by_name(tx, organization).await? {
                Some(found) => terrane_store::workspaces::by_name(tx, &found.id, workspace).await?,
                None => None,
            }
        }
    };
    let found = found.ok_or(AppError::NotFound)?;
    let allowed = allow(tx, caller, action, &found.organization_id, Some(&found.id)).await?;
    Ok(Authorized::new(found, allowed))
}

/// A run; the right is asked for in its workspace.
pub(crate) async fn run(tx: &mut Tx, caller: &Caller, id: &RunId, action: Action) -> AppResult<Authorized<Run>> {
    let found = terrane_store::runs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let allowed = allow(tx, caller, action, &found.organization_id, Some(&found.workspace_id)).await?;
    Ok(Authorized::new(found, allowed))
}
