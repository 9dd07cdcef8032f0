//! Workspaces. Source: `api-docs/workspaces.mdx`; what the CLI reads: `internal/cloud/backend.go`.

mod document;
mod includes;
mod input;
mod query;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use terrane_app::App;
use terrane_app::workspaces::{self, Wanted, WorkspaceKey, WorkspaceView};
use terrane_domain::access::{Action, Caller};
use terrane_jsonapi::{Document, Page, Query, Resource};

pub(crate) use document::resource;
pub(crate) use input::{overwrites, present, tag_references};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, Parameters, Said, address, document, id};
use crate::include::Include;
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (read, update) = (Access::Right(Action::ReadWorkspace), Access::Right(Action::UpdateWorkspace));
    let (lock, delete) = (Access::Right(Action::LockWorkspace), Access::Right(Action::DeleteWorkspace));
    Routes::default()
        .get("/api/v2/organizations/{organization}/workspaces", Access::Right(Action::ReadOrganization), list)
        .post("/api/v2/organizations/{organization}/workspaces", Access::Right(Action::CreateWorkspace), create)
        .get("/api/v2/organizations/{organization}/workspaces/{name}", read, show_by_name)
        .patch("/api/v2/organizations/{organization}/workspaces/{name}", update, update_by_name)
        .delete("/api/v2/organizations/{organization}/workspaces/{name}", delete, delete_by_name)
        .post("/api/v2/organizations/{organization}/workspaces/{name}/actions/safe-delete", delete, safe_delete_by_name)
        .get("/api/v2/workspaces/{workspace}", read, show)
        .patch("/api/v2/workspaces/{workspace}", update, update_by_id)
        .delete("/api/v2/workspaces/{workspace}", delete, delete_by_id)
        .post("/api/v2/workspaces/{workspace}/actions/safe-delete", delete, safe_delete_by_id)
        .post("/api/v2/workspaces/{workspace}/actions/lock", lock, lock_workspace)
        .post("/api/v2/workspaces/{workspace}/actions/unlock", lock, unlock_workspace)
        .post(
            "/api/v2/workspaces/{workspace}/actions/force-unlock",
            Access::Right(Action::ForceUnlockWorkspace),
            force_unlock_workspace,
        )
}

fn by_id(text: &str) -> ApiResult<WorkspaceKey> {
    Ok(WorkspaceKey::Id(id(text)?))
}

fn by_name((organization, workspace): (String, String)) -> WorkspaceKey {
    WorkspaceKey::Name { organization, workspace }
}

/// One workspace with what the query wants beside it.
async fn answer(
    app: &App,
    caller: &Caller,
    status: StatusCode,
    view: &WorkspaceView,
    wanted: Wanted,
) -> ApiResult<Response> {
    let related = workspaces::related(app, caller, std::slice::from_ref(view), wanted).await?;
    let answer = Document::one(includes::resource(app, view, wanted, &related));
    Ok(document(status, &includes::add(app, answer, wanted, &related)))
}

/// One page of workspaces.
pub(crate) fn page(resources: Vec<Resource>, page: Page, total: i64, base: &str, query: &Query) -> Document {
    Document::page(resources, page, u64::try_from(total).unwrap_or(0), base, query)
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let asked = Page::parse(&query)?;
    let base = address(&app, &format!("organizations/{organization}/workspaces"));
    // Where nothing can be found, the organization must still be there for the caller.
    let (filter, limit) = match query::filter(&query)? {
        Some(filter) => (filter, asked.limit()),
        None => (workspaces::WorkspaceFilter::default(), 0),
    };
    let (views, total) = workspaces::list(&app, &caller, &organization, filter, limit, asked.offset()).await?;
    let total = if limit == 0 { 0 } else { total };
    let related = workspaces::related(&app, &caller, &views, wanted).await?;
    let resources = views.iter().map(|view| includes::resource(&app, view, wanted, &related)).collect();
    let answer = page(resources, asked, total, &base, &query);
    Ok(document(StatusCode::OK, &includes::add(&app, answer, wanted, &related)))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Include(wanted): Include<Wanted>,
    headers: HeaderMap,
    body: Json,
) -> ApiResult<Response> {
    let mut settings = input::settings(&body.0)?;
    settings.engine = settings.engine.or_else(|| input::engine_of_client(&headers));
    let view = workspaces::create(&app, &caller, &organization, settings).await?;
    answer(&app, &caller, StatusCode::CREATED, &view, wanted).await
}

async fn show_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(names): Path<(String, String)>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = workspaces::read(&app, &caller, by_name(names)).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = workspaces::read(&app, &caller, by_id(&workspace)?).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn update_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(names): Path<(String, String)>,
    Include(wanted): Include<Wanted>,
    body: Json,
) -> ApiResult<Response> {
    let view = workspaces::update(&app, &caller, by_name(names), input::settings(&body.0)?).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn update_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
    body: Json,
) -> ApiResult<Response> {
    let view = workspaces::update(&app, &caller, by_id(&workspace)?, input::settings(&body.0)?).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn delete_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(names): Path<(String, String)>,
) -> ApiResult<Response> {
    workspaces::delete(&app, &caller, by_name(names)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn delete_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    workspaces::delete(&app, &caller, by_id(&workspace)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn safe_delete_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(names): Path<(String, String)>,
) -> ApiResult<Response> {
    workspaces::safe_delete(&app, &caller, by_name(names)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn safe_delete_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    workspaces::safe_delete(&app, &caller, by_id(&workspace)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn lock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
    Said(said): Said,
) -> ApiResult<Response> {
    let view = workspaces::lock(&app, &caller, by_id(&workspace)?, said.reason.unwrap_or_default()).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn unlock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = workspaces::unlock(&app, &caller, by_id(&workspace)?).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}

async fn force_unlock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = workspaces::force_unlock(&app, &caller, by_id(&workspace)?).await?;
    answer(&app, &caller, StatusCode::OK, &view, wanted).await
}
