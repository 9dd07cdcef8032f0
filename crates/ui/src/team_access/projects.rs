//! Access of teams to projects.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use terrane_app::organizations::OrganizationView;
use terrane_app::projects::{self, ProjectView};
use terrane_app::team_access::{self, ProjectSettings};
use terrane_app::{App, AppError, organizations};
use terrane_domain::access::{Action, Caller};
use terrane_domain::team_access::TeamProject;

use super::levels::{self, PROJECT};
use super::{Page, Refused, Row, team_id, visible_teams};
use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, Wrong};
use crate::layout::organization_page;
use crate::paths::Path;
use crate::projects::workspaces_address;
use crate::session::SignedIn;

/// The project that an address means, and its organization.
struct Found {
    organization: OrganizationView,
    view: ProjectView,
}

async fn find(app: &App, caller: &Caller, organization: &str, project: &str) -> PageResult<Found> {
    let organization = organizations::read(app, caller, organization).await?;
    let id = project.parse().map_err(|_| AppError::NotFound)?;
    let view = projects::read(app, caller, &id).await?;
    if view.organization != organization.organization.name {
        return Err(AppError::NotFound.into());
    }
    Ok(Found { organization, view })
}

fn address(found: &Found) -> String {
    format!("/app/{}/projects/{}/team-access", found.view.organization, found.view.project.id)
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

async fn answer(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    found: &Found,
    refused: Option<Refused>,
) -> PageResult<Response> {
    let list = team_access::list_for_project(app, caller, found.view.project.id.clone(), None).await?;
    let no_right = "You need the right to manage the teams of this project.";
    let page = Page {
        kind: &PROJECT,
        here: address(found),
        rows: list.into_iter().map(row).collect(),
        teams: visible_teams(app, caller, &found.organization).await?,
        why_not: (!found.view.may(Action::ManageProjectTeams)).then_some(no_right),
        refused,
    };
    let name = &found.view.project.name;
    let body = html! {
        p class="path" { a href={ "/app/" (found.view.organization) "/projects" } { "Projects" } " / " (name) }
        h1 { "Team access to " (name) }
        p class="quiet" {
            "What a team may do here, it may do in "
            a href=(workspaces_address(&found.view)) { "each workspace of the project" } "."
        }
        (page.render(token))
    };
    let title = format!("Team access to {name}");
    Ok((page.status(), organization_page(&found.organization, "Projects", &title, &body)).into_response())
}

async fn settle<T>(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    found: &Found,
    done: Result<T, AppError>,
    (id, form): (Option<String>, Submitted),
) -> PageResult<Response> {
    match done {
        Ok(_) => Ok(Redirect::to(&address(found)).into_response()),
        Err(error) => {
            let refused = Refused { id, form, wrong: Wrong::new(error)? };
            answer(app, caller, token, found, Some(refused)).await
        }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, project)): Path<(String, String)>,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &project).await?;
    answer(&app, &caller, &token, &found, None).await
}

/// Gives a team access.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, project)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &project).await?;
    let done = match team_id(&form).and_then(|team_id| Ok((team_id, settings(&form)?))) {
        Ok((team_id, settings)) => {
            team_access::create_for_project(&app, &caller, found.view.project.id.clone(), team_id, settings).await
        }
        Err(error) => Err(error),
    };
    settle(&app, &caller, &token, &found, done, (None, form)).await
}

/// The access that an address means, if it is one to this project.
async fn look_up(app: &App, caller: &Caller, found: &Found, access: &str) -> PageResult<TeamProject> {
    let id = access.parse().map_err(|_| AppError::NotFound)?;
    let access = team_access::read_for_project(app, caller, id).await?;
    if access.project_id != found.view.project.id {
        return Err(AppError::NotFound.into());
    }
    Ok(access)
}

/// Changes what a team may do.
pub(crate) async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, project, access)): Path<(String, String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &project).await?;
    let id = look_up(&app, &caller, &found, &access).await?.id;
    let done = match settings(&form) {
        Ok(settings) => team_access::update_for_project(&app, &caller, id, settings).await,
        Err(error) => Err(error),
    };
    settle(&app, &caller, &token, &found, done, (Some(access), form)).await
}

/// Takes a team's access away.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, project, access)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &project).await?;
    let id = look_up(&app, &caller, &found, &access).await?.id;
    team_access::delete_for_project(&app, &caller, id).await?;
    Ok(Redirect::to(&address(&found)).into_response())
}
