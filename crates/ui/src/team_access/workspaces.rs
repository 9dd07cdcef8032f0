//! Access of teams to workspaces.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use terrane_app::organizations::OrganizationView;
use terrane_app::team_access::{self, WorkspaceSettings};
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError, organizations, projects};
use terrane_domain::access::{Action, Caller};
use terrane_domain::team_access::TeamWorkspace;

use super::levels::{self, WORKSPACE};
use super::{Page, Refused, Row, team_id, visible_teams};
use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, Wrong};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;
use crate::workspaces::key;

/// The workspace that an address means, and its organization.
struct Found {
    organization: OrganizationView,
    view: WorkspaceView,
}

async fn find(app: &App, caller: &Caller, organization: &str, workspace: &str) -> PageResult<Found> {
    let view = workspaces::read(app, caller, key(organization, workspace)).await?;
    Ok(Found { organization: organizations::read(app, caller, organization).await?, view })
}

fn address(found: &Found) -> String {
    format!("/app/{}/workspaces/{}/team-access", found.view.organization, found.view.workspace.name)
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

async fn answer(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    found: &Found,
    refused: Option<Refused>,
) -> PageResult<Response> {
    let list = team_access::list_for_workspace(app, caller, found.view.workspace.id.clone(), None).await?;
    let no_right = "You need the right to manage the teams of this workspace.";
    let page = Page {
        kind: &WORKSPACE,
        here: address(found),
        rows: list.into_iter().map(row).collect(),
        teams: visible_teams(app, caller, &found.organization).await?,
        why_not: (!found.view.may(Action::ManageWorkspaceTeams)).then_some(no_right),
        refused,
    };
    let body = html! {
        p class="quiet" {
            "Teams with access to "
            @match project_address(app, caller, &found.view).await? {
                Some(address) => a href=(address) { "the project" }
                None => "the project"
            }
            " have it here too; what a team is given adds up."
        }
        (page.render(token))
    };
    Ok((page.status(), workspace_page(&found.view, "Team access", &body)).into_response())
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
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &workspace).await?;
    answer(&app, &caller, &token, &found, None).await
}

/// Gives a team access.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &workspace).await?;
    let done = match team_id(&form).and_then(|team_id| Ok((team_id, settings(&form)?))) {
        Ok((team_id, settings)) => {
            team_access::create_for_workspace(&app, &caller, found.view.workspace.id.clone(), team_id, settings).await
        }
        Err(error) => Err(error),
    };
    settle(&app, &caller, &token, &found, done, (None, form)).await
}

/// The access that an address means, if it is one to this workspace.
async fn look_up(app: &App, caller: &Caller, found: &Found, access: &str) -> PageResult<TeamWorkspace> {
    let id = access.parse().map_err(|_| AppError::NotFound)?;
    let access = team_access::read_for_workspace(app, caller, id).await?;
    if access.workspace_id != found.view.workspace.id {
        return Err(AppError::NotFound.into());
    }
    Ok(access)
}

/// Changes what a team may do.
pub(crate) async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace, access)): Path<(String, String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &workspace).await?;
    let id = look_up(&app, &caller, &found, &access).await?.id;
    let done = match settings(&form) {
        Ok(settings) => team_access::update_for_workspace(&app, &caller, id, settings).await,
        Err(error) => Err(error),
    };
    settle(&app, &caller, &token, &found, done, (Some(access), form)).await
}

/// Takes a team's access away.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace, access)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let found = find(&app, &caller, &organization, &workspace).await?;
    let id = look_up(&app, &caller, &found, &access).await?.id;
    team_access::delete_for_workspace(&app, &caller, id).await?;
    Ok(Redirect::to(&address(&found)).into_response())
}
