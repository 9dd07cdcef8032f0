//! Access of teams to projects: `team-projects`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::team_access::{self, ProjectSettings};
use terrane_domain::access::Action;
use terrane_domain::team_access::TeamProject;
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use super::{optional, page, related, required};
use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, no_content};
use crate::routes::{Access, Routes};

pub(super) fn routes() -> Routes {
    let (read, manage) = (Access::Right(Action::ReadProjectTeams), Access::Right(Action::ManageProjectTeams));
    let (all, one) = ("/api/v2/team-projects", "/api/v2/team-projects/{access}");
    Routes::default()
        .get(all, read, list)
        .post(all, manage, create)
        .get(one, read, show)
        .patch(one, manage, change)
        .delete(one, manage, delete)
}

fn resource(app: &App, access: &TeamProject) -> Resource {
    let rights = access.permissions();
    Resource::new("team-projects", access.id.as_str())
        .attributes(&json!({
            "access": access.access,
            "project-access": {
                "settings": rights.settings,
                "teams": rights.teams,
                "variable-sets": rights.variable_sets,
            },
            "workspace-access": {
                "runs": rights.workspaces.runs,
                "variables": rights.workspaces.variables,
                "state-versions": rights.workspaces.state_versions,
                "sentinel-mocks": rights.workspaces.sentinel_mocks,
                "create": rights.create,
                "delete": rights.delete,
                "move": rights.r#move,
                "locking": rights.workspaces.locking,
                "run-tasks": rights.workspaces.run_tasks,
            },
        }))
        .relation("team", Relationship::to_one("teams", access.team_id.as_str()))
        .relation("project", Relationship::to_one("projects", access.project_id.as_str()))
        .link("self", address(app, &format!("team-projects/{}", access.id)))
}

/// `workspace-access` has two kinds of members: rights in each workspace, and rights in their set.
fn settings(input: &Input) -> ApiResult<ProjectSettings> {
    Ok(ProjectSettings {
        access: input.attribute("access")?,
        project: input.attribute("project-access")?.unwrap_or_default(),
        workspaces: input.attribute("workspace-access")?.unwrap_or_default(),
        workspace: input.attribute("workspace-access")?.unwrap_or_default(),
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let (project, team) = (required(&query, "filter[project][id]")?, optional(&query, "filter[team][id]")?);
    let found = team_access::list_for_project(&app, &caller, project, team).await?;
    let resources = found.iter().map(|access| resource(&app, access)).collect();
    Ok(document(StatusCode::OK, &page(&app, resources, "team-projects", &query)?))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
) -> ApiResult<Response> {
    let found = team_access::read_for_project(&app, &caller, id(&access)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &found))))
}

async fn create(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let (project, team) = (related(&input, "project")?, related(&input, "team")?);
    let made = team_access::create_for_project(&app, &caller, project, team, settings(&input)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &made))))
}

async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let settings = settings(&Input::parse(&body.0, MAX_JSON_BYTES)?)?;
    let changed = team_access::update_for_project(&app, &caller, id(&access)?, settings).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &changed))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
) -> ApiResult<Response> {
    team_access::delete_for_project(&app, &caller, id(&access)?).await?;
    Ok(no_content())
}
