//! Access of teams to projects.

use maud::{Markup, html};
use terrane_app::organizations::OrganizationView;
use terrane_app::projects::{self, ProjectView};
use terrane_app::team_access::{self, ProjectSettings};
use terrane_app::{App, AppError, AppResult, organizations};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{TeamId, TeamProjectId};
use terrane_domain::team_access::TeamProject;

use super::levels::{self, Kind, PROJECT};
use super::{Place, Row};
use crate::error::PageResult;
use crate::forms::Submitted;
use crate::layout::organization_page;
use crate::projects::workspaces_address;

/// A project and its organization.
pub(crate) struct Project {
    organization: OrganizationView,
    view: ProjectView,
}

fn settings(form: &Submitted) -> Result<ProjectSettings, AppError> {
    Ok(ProjectSettings {
        access: levels::level(form)?,
        project: PROJECT.sent(form)?,
        workspaces: PROJECT.sent(form)?,
        workspace: PROJECT.sent(form)?,
    })
}

fn row(access: TeamProject) -> Row {
    let permissions = serde_json::to_value(access.permissions()).unwrap_or_default();
    Row { id: access.id.to_string(), level: access.access.as_str(), team_id: access.team_id, permissions }
}

impl Place for Project {
    const KIND: &'static Kind = &PROJECT;
    type Id = TeamProjectId;

    async fn find(app: &App, caller: &Caller, organization: &str, project: &str) -> PageResult<Self> {
        let organization = organizations::read(app, caller, organization).await?;
        let id = project.parse().map_err(|_| AppError::NotFound)?;
        let view = projects::read(app, caller, &id).await?;
        if view.organization != organization.organization.name {
            return Err(AppError::NotFound.into());
        }
        Ok(Self { organization, view })
    }

    fn organization(&self) -> &OrganizationView {
        &self.organization
    }

    fn address(&self) -> String {
        format!("/app/{}/projects/{}/team-access", self.view.organization, self.view.project.id)
    }

    fn why_not(&self) -> Option<&'static str> {
        let no_right = "You need the right to manage the teams of this project.";
        (!self.view.may(Action::ManageProjectTeams)).then_some(no_right)
    }

    async fn rows(&self, app: &App, caller: &Caller) -> AppResult<Vec<Row>> {
        let list = team_access::list_for_project(app, caller, self.view.project.id.clone(), None).await?;
        Ok(list.into_iter().map(row).collect())
    }

    async fn around(&self, _: &App, _: &Caller, list: &Markup) -> PageResult<Markup> {
        let name = &self.view.project.name;
        let body = html! {
            p class="path" { a href={ "/app/" (self.view.organization) "/projects" } { "Projects" } " / " (name) }
            h1 { "Team access to " (name) }
            p class="quiet" {
                "What a team may do here, it may do in "
                a href=(workspaces_address(&self.view)) { "each workspace of the project" } "."
            }
            (list)
        };
        Ok(organization_page(&self.organization, "Projects", &format!("Team access to {name}"), &body))
    }

    async fn access(&self, app: &App, caller: &Caller, id: &str) -> PageResult<TeamProjectId> {
        let id = id.parse().map_err(|_| AppError::NotFound)?;
        let access = team_access::read_for_project(app, caller, id).await?;
        if access.project_id != self.view.project.id {
            return Err(AppError::NotFound.into());
        }
        Ok(access.id)
    }

    async fn create(&self, app: &App, caller: &Caller, team_id: TeamId, form: &Submitted) -> AppResult<()> {
        let (id, settings) = (self.view.project.id.clone(), settings(form)?);
        team_access::create_for_project(app, caller, id, team_id, settings).await.map(drop)
    }

    async fn update(app: &App, caller: &Caller, id: TeamProjectId, form: &Submitted) -> AppResult<()> {
        team_access::update_for_project(app, caller, id, settings(form)?).await.map(drop)
    }

    async fn delete(app: &App, caller: &Caller, id: TeamProjectId) -> AppResult<()> {
        team_access::delete_for_project(app, caller, id).await
    }
}
