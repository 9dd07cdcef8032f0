//! Access of teams to workspaces: `team-workspaces`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::team_access::{self, WorkspaceSettings};
use terrane_domain::access::Action;
use terrane_domain::team_access::{TeamWorkspace, WorkspaceChange};
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use super::{optional, page, related, required};
use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, no_content};
use crate::routes::{Access, Routes};

pub(super) fn routes() -> Routes {
    let (read, manage) = (Access::Right(Action::ReadWorkspaceTeams), Access::Right(Action::ManageWorkspaceTeams));
    let (all, one) = ("/api/v2/team-workspaces", "/api/v2/team-workspaces/{access}");
    Routes::default()
        .get(all, read, list)
        .post(all, manage, create)
        .get(one, read, show)
        .patch(one, manage, change)
        .delete(one, manage, delete)
}

fn resource(app: &App, access: &TeamWorkspace) -> Resource {
    let rights = access.permissions();
    Resource::new("team-workspaces", access.id.as_str())
        .attributes(&json!({
            "access": access.access,
            "runs": rights.runs,
            "variables": rights.variables,
            "state-versions": rights.state_versions,
            "sentinel-mocks": rights.sentinel_mocks,
            "workspace-locking": rights.locking,
            "run-tasks": rights.run_tasks,
        }))
        .relation("team", Relationship::to_one("teams", access.team_id.as_str()))
        .relation("workspace", Relationship::to_one("workspaces", access.workspace_id.as_str()))
        .link("self", address(app, &format!("team-workspaces/{}", access.id)))
}

fn settings(input: &Input) -> ApiResult<WorkspaceSettings> {
    Ok(WorkspaceSettings {
        access: input.attribute("access")?,
        rights: WorkspaceChange {
            runs: input.attribute("runs")?,
            variables: input.attribute("variables")?,
            state_versions: input.attribute("state-versions")?,
            sentinel_mocks: input.attribute("sentinel-mocks")?,
            locking: input.attribute("workspace-locking")?,
            run_tasks: input.attribute("run-tasks")?,
        },
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let (workspace, team) = (required(&query, "filter[workspace][id]")?, optional(&query, "filter[team][id]")?);
    let found = team_access::list_for_workspace(&app, &caller, workspace, team).await?;
    let resources = found.iter().map(|access| resource(&app, access)).collect();
    Ok(document(StatusCode::OK, &page(&app, resources, "team-workspaces", &query)?))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
) -> ApiResult<Response> {
    let found = team_access::read_for_workspace(&app, &caller, id(&access)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &found))))
}

async fn create(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let (workspace, team) = (related(&input, "workspace")?, related(&input, "team")?);
    let made = team_access::create_for_workspace(&app, &caller, workspace, team, settings(&input)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &made))))
}

async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let settings = settings(&Input::parse(&body.0, MAX_JSON_BYTES)?)?;
    let changed = team_access::update_for_workspace(&app, &caller, id(&access)?, settings).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &changed))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(access): Path<String>,
) -> ApiResult<Response> {
    team_access::delete_for_workspace(&app, &caller, id(&access)?).await?;
    Ok(no_content())
}
