//! Access of teams to workspaces.

use maud::{Markup, html};
use terrane_app::organizations::OrganizationView;
use terrane_app::team_access::{self, WorkspaceSettings};
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError, AppResult, organizations, projects};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{TeamId, TeamWorkspaceId};
use terrane_domain::team_access::TeamWorkspace;

use super::levels::{self, Kind, WORKSPACE};
use super::{Place, Row};
use crate::error::PageResult;
use crate::forms::Submitted;
use crate::layout::workspace_page;
use crate::workspaces::key;

/// A workspace and its organization.
pub(crate) struct Workspace {
    organization: OrganizationView,
    view: WorkspaceView,
}

fn settings(form: &Submitted) -> Result<WorkspaceSettings, AppError> {
    Ok(WorkspaceSettings { access: levels::level(form)?, rights: WORKSPACE.sent(form)? })
}

fn row(access: TeamWorkspace) -> Row {
    let permissions = serde_json::to_value(access.permissions()).unwrap_or_default();
    Row { id: access.id.to_string(), level: access.access.as_str(), team_id: access.team_id, permissions }
}

/// Where access to the workspace's project stands, for who may see it.
async fn project_address(app: &App, caller: &Caller, view: &WorkspaceView) -> PageResult<Option<String>> {
    let address = |project: projects::ProjectView| {
        let id = &project.project.id;
        project.may(Action::ReadProjectTeams).then(|| format!("/app/{}/projects/{id}/team-access", view.organization))
    };
    match projects::read(app, caller, &view.workspace.project_id).await {
        Ok(project) => Ok(address(project)),
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Place for Workspace {
    const KIND: &'static Kind = &WORKSPACE;
    type Id = TeamWorkspaceId;

    async fn find(app: &App, caller: &Caller, organization: &str, workspace: &str) -> PageResult<Self> {
        let view = workspaces::read(app, caller, key(organization, workspace)).await?;
        Ok(Self { organization: organizations::read(app, caller, organization).await?, view })
    }

    fn organization(&self) -> &OrganizationView {
        &self.organization
    }

    fn address(&self) -> String {
        format!("/app/{}/workspaces/{}/team-access", self.view.organization, self.view.workspace.name)
    }

    fn why_not(&self) -> Option<&'static str> {
        let no_right = "You need the right to manage the teams of this workspace.";
        (!self.view.may(Action::ManageWorkspaceTeams)).then_some(no_right)
    }

    async fn rows(&self, app: &App, caller: &Caller) -> AppResult<Vec<Row>> {
        let list = team_access::list_for_workspace(app, caller, self.view.workspace.id.clone(), None).await?;
        Ok(list.into_iter().map(row).collect())
    }

    async fn around(&self, app: &App, caller: &Caller, list: &Markup) -> PageResult<Markup> {
        let body = html! {
            p class="quiet" {
                "Teams with access to "
                @match project_address(app, caller, &self.view).await? {
                    Some(address) => a href=(address) { "the project" }
                    None => "the project"
                }
                " have it here too; what a team is given adds up."
            }
            (list)
        };
        Ok(workspace_page(&self.view, "Team access", &body))
    }

    async fn access(&self, app: &App, caller: &Caller, id: &str) -> PageResult<TeamWorkspaceId> {
        let id = id.parse().map_err(|_| AppError::NotFound)?;
        let access = team_access::read_for_workspace(app, caller, id).await?;
        if access.workspace_id != self.view.workspace.id {
            return Err(AppError::NotFound.into());
        }
        Ok(access.id)
    }

    async fn create(&self, app: &App, caller: &Caller, team_id: TeamId, form: &Submitted) -> AppResult<()> {
        let (id, settings) = (self.view.workspace.id.clone(), settings(form)?);
        team_access::create_for_workspace(app, caller, id, team_id, settings).await.map(drop)
    }

    async fn update(app: &App, caller: &Caller, id: TeamWorkspaceId, form: &Submitted) -> AppResult<()> {
        team_access::update_for_workspace(app, caller, id, settings(form)?).await.map(drop)
    }

    async fn delete(app: &App, caller: &Caller, id: TeamWorkspaceId) -> AppResult<()> {
        team_access::delete_for_workspace(app, caller, id).await
    }
}
