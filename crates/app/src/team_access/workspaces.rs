//! Access of teams to workspaces.

use serde_json::json;
use terrane_domain::access::{Action, Caller, WorkspaceAccessLevel};
use terrane_domain::ids::{TeamId, TeamWorkspaceId, WorkspaceId};
use terrane_domain::team_access::{TeamWorkspace, WorkspaceChange};
use terrane_store::Tx;
use terrane_store::team_access as store;

use super::{team_at, visible_teams};
use crate::lookups::{self, Place, WorkspaceKey};
use crate::{App, AppError, AppResult, entropy, events};

/// What a request says of a team's access; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceSettings {
    /// A fixed set, or `custom`.
    pub access: Option<WorkspaceAccessLevel>,
    /// Single rights, for `custom`.
    pub rights: WorkspaceChange,
}

impl WorkspaceSettings {
    fn apply(&self, access: &mut TeamWorkspace) -> AppResult<()> {
        Ok(access.change(self.access, &self.rights)?)
    }
}

/// An access by its id, if the caller may see the team and do `action` to the workspace.
async fn look_up(tx: &mut Tx, caller: &Caller, id: &TeamWorkspaceId, action: Action) -> AppResult<TeamWorkspace> {
    let found = store::workspace_by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = place(tx, caller, found.workspace_id.clone(), action).await?;
    team_at(tx, caller, &place, &found.team_id).await?;
    Ok(found)
}

async fn place(tx: &mut Tx, caller: &Caller, id: WorkspaceId, action: Action) -> AppResult<Place> {
    let (_, place) = lookups::workspace_with_place(tx, caller, &WorkspaceKey::Id(id), action).await?;
    Ok(place)
}

/// The access of the teams that the caller may see to a workspace; with `team_id`, of this team alone.
pub async fn list(
    app: &App,
    caller: &Caller,
    workspace_id: WorkspaceId,
    team_id: Option<TeamId>,
) -> AppResult<Vec<TeamWorkspace>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = place(tx, &caller, workspace_id.clone(), Action::ReadWorkspaceTeams).await?;
                let mut found = store::of_workspace(tx, &workspace_id).await?;
                found.retain(|access| team_id.as_ref().is_none_or(|id| access.team_id == *id));
                let teams = visible_teams(tx, &caller, &place).await?;
                found.retain(|access| teams.contains(&access.team_id));
                Ok(found)
            })
        })
        .await
}

/// A team's access to a workspace.
pub async fn read(app: &App, caller: &Caller, id: TeamWorkspaceId) -> AppResult<TeamWorkspace> {
    let caller = caller.clone();
    app.store.read(move |tx| Box::pin(async move { look_up(tx, &caller, &id, Action::ReadWorkspaceTeams).await })).await
}

/// Gives a team access to a workspace.
pub async fn create(
    app: &App,
    caller: &Caller,
    workspace_id: WorkspaceId,
    team_id: TeamId,
    settings: WorkspaceSettings,
) -> AppResult<TeamWorkspace> {
    let Some(level) = settings.access else { return Err(AppError::invalid("access", "Access can't be blank")) };
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = place(tx, &caller, workspace_id.clone(), Action::ManageWorkspaceTeams).await?;
                let team = team_at(tx, &caller, &place, &team_id).await?;
                let mut access = TeamWorkspace {
                    id: TeamWorkspaceId::from_entropy(entropy()),
                    organization_id: place.organization.id,
                    team_id,
                    workspace_id,
                    access: level,
                    custom: None,
                };
                settings.apply(&mut access)?;
                let detail = format!("Team {} already has access to this workspace", team.name);
                store::insert_workspace(tx, &access).await.map_err(|error| match error {
                    terrane_store::StoreError::Taken => AppError::invalid_relation("team", detail),
                    other => other.into(),
                })?;
                record(tx, &caller, &access, "team-workspace.create").await?;
                Ok(access)
            })
        })
        .await
}

/// Changes a team's access to a workspace.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: TeamWorkspaceId,
    settings: WorkspaceSettings,
) -> AppResult<TeamWorkspace> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let mut access = store::held_workspace(tx, &id).await?.ok_or(AppError::NotFound)?;
                look_up(tx, &caller, &id, Action::ManageWorkspaceTeams).await?;
                settings.apply(&mut access)?;
                store::update_workspace(tx, &access).await?;
                record(tx, &caller, &access, "team-workspace.update").await?;
                Ok(access.into_inner())
            })
        })
        .await
}

/// Takes a team's access to a workspace away.
pub async fn delete(app: &App, caller: &Caller, id: TeamWorkspaceId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let access = look_up(tx, &caller, &id, Action::ManageWorkspaceTeams).await?;
                store::remove_workspace(tx, &id).await?;
                record(tx, &caller, &access, "team-workspace.delete").await
            })
        })
        .await
}

async fn record(tx: &mut Tx, caller: &Caller, access: &TeamWorkspace, action: &str) -> AppResult<()> {
    let details = json!({
        "team": access.team_id,
        "workspace": access.workspace_id,
        "access": access.access,
        "custom": access.custom,
    });
    Ok(events::record(tx, caller, &access.organization_id, action, access.id.as_str(), details).await?)
}
