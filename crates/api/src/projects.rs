//! Projects. Source: `api-docs/projects.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::projects::{self, ProjectView};
use terrane_domain::access::Action;
use terrane_jsonapi::{Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/api/v2/organizations/{organization}/projects", Access::Right(Action::ReadOrganization), list)
        .post("/api/v2/organizations/{organization}/projects", Access::Right(Action::CreateProject), create)
        .get("/api/v2/projects/{project}", Access::Right(Action::ReadProject), show)
}

pub(crate) fn resource(app: &App, view: &ProjectView) -> Resource {
    Resource::new("projects", view.project.id.as_str())
        .attributes(&json!({
            "name": view.project.name,
            "created-at": view.project.created_at,
            "workspace-count": view.workspace_count,
            "permissions": {
                "can-read": true,
                "can-update": view.may(Action::UpdateProject),
                "can-destroy": view.may(Action::DeleteProject),
                "can-create-workspace": view.may(Action::CreateWorkspace),
                "can-move-workspace": view.may(Action::MoveWorkspace),
                "can-read-teams": view.may(Action::ReadProjectTeams),
                "can-manage-teams": view.may(Action::ManageProjectTeams),
            },
        }))
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
        .link("self", address(app, &format!("projects/{}", view.project.id)))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let names = query.list("filter[names]").into_iter().map(str::to_owned).collect();
    let views = projects::list(&app, &caller, &organization, names).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{organization}/projects"));
    Ok(document(StatusCode::OK, &Document::cut(resources, page, &base, &query)))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let view = projects::create(&app, &caller, &organization, input.required("name")?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
) -> ApiResult<Response> {
    let view = projects::read(&app, &caller, &id(&project)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}
