//! Access of teams to projects.

use serde_json::json;
use terrane_domain::access::{Action, Caller, ProjectAccessLevel};
use terrane_domain::ids::{ProjectId, TeamId, TeamProjectId};
use terrane_domain::team_access::{ProjectChange, TeamProject, WorkspaceChange, WorkspacesChange};
use terrane_store::Tx;
use terrane_store::team_access as store;

use super::{team_at, visible_teams};
use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// What a request says of a team's access; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct ProjectSettings {
    /// A fixed set, or `custom`.
    pub access: Option<ProjectAccessLevel>,
    /// Rights in the project itself, for `custom`.
    pub project: ProjectChange,
    /// Making, deleting and moving its workspaces, for `custom`.
    pub workspaces: WorkspacesChange,
    /// Rights in each of its workspaces, for `custom`.
    pub workspace: WorkspaceChange,
}

impl ProjectSettings {
    fn apply(&self, access: &mut TeamProject) -> AppResult<()> {
        Ok(access.change(self.access, &self.project, &self.workspaces, &self.workspace)?)
    }
}

/// An access by its id, if the caller may see the team and do `action` to the project.
async fn look_up(tx: &mut Tx, caller: &Caller, id: &TeamProjectId, action: Action) -> AppResult<TeamProject> {
    let found = store::project_by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = place(tx, caller, found.project_id.clone(), action).await?;
    team_at(tx, caller, &place, &found.team_id).await?;
    Ok(found)
}

async fn place(tx: &mut Tx, caller: &Caller, id: ProjectId, action: Action) -> AppResult<Place> {
    let (_, place) = lookups::project(tx, caller, &id, action).await?;
    Ok(place)
}

/// The access of the teams that the caller may see to a project; with `team_id`, of this team alone.
pub async fn list(
    app: &App,
    caller: &Caller,
    project_id: ProjectId,
    team_id: Option<TeamId>,
) -> AppResult<Vec<TeamProject>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = place(tx, &caller, project_id.clone(), Action::ReadProjectTeams).await?;
                let mut found = store::of_project(tx, &project_id).await?;
                found.retain(|access| team_id.as_ref().is_none_or(|id| access.team_id == *id));
                let teams = visible_teams(tx, &caller, &place).await?;
                found.retain(|access| teams.contains(&access.team_id));
                Ok(found)
            })
        })
        .await
}

/// A team's access to a project.
pub async fn read(app: &App, caller: &Caller, id: TeamProjectId) -> AppResult<TeamProject> {
    let caller = caller.clone();
    app.store.read(move |tx| Box::pin(async move { look_up(tx, &caller, &id, Action::ReadProjectTeams).await })).await
}

/// Gives a team access to a project.
pub async fn create(
    app: &App,
    caller: &Caller,
    project_id: ProjectId,
    team_id: TeamId,
    settings: ProjectSettings,
) -> AppResult<TeamProject> {
    let Some(level) = settings.access else { return Err(AppError::invalid("access", "Access can't be blank")) };
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = place(tx, &caller, project_id.clone(), Action::ManageProjectTeams).await?;
                let team = team_at(tx, &caller, &place, &team_id).await?;
                let mut access = TeamProject {
                    id: TeamProjectId::from_entropy(entropy()),
                    organization_id: place.organization.id,
                    team_id,
                    project_id,
                    access: level,
                    custom: None,
                };
                settings.apply(&mut access)?;
                let detail = format!("Team {} already has access to this project", team.name);
                store::insert_project(tx, &access).await.map_err(|error| match error {
                    terrane_store::StoreError::Taken => AppError::invalid_relation("team", detail),
                    other => other.into(),
                })?;
                record(tx, &caller, &access, "team-project.create").await?;
                Ok(access)
            })
        })
        .await
}

/// Changes a team's access to a project.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: TeamProjectId,
    settings: ProjectSettings,
) -> AppResult<TeamProject> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let mut access = store::held_project(tx, &id).await?.ok_or(AppError::NotFound)?;
                look_up(tx, &caller, &id, Action::ManageProjectTeams).await?;
                settings.apply(&mut access)?;
                store::update_project(tx, &access).await?;
                record(tx, &caller, &access, "team-project.update").await?;
                Ok(access.into_inner())
            })
        })
        .await
}

/// Takes a team's access to a project away.
pub async fn delete(app: &App, caller: &Caller, id: TeamProjectId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let access = look_up(tx, &caller, &id, Action::ManageProjectTeams).await?;
                store::remove_project(tx, &id).await?;
                record(tx, &caller, &access, "team-project.delete").await
            })
        })
        .await
}

async fn record(tx: &mut Tx, caller: &Caller, access: &TeamProject, action: &str) -> AppResult<()> {
    let details = json!({
        "team": access.team_id,
        "project": access.project_id,
        "access": access.access,
        "custom": access.custom,
    });
    Ok(events::record(tx, caller, &access.organization_id, action, access.id.as_str(), details).await?)
}
