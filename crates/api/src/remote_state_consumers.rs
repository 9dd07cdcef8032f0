//! Which workspaces may read another's state. Source: `api-docs/workspaces.mdx`, remote state consumers.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use terrane_app::App;
use terrane_app::remote_state_consumers::{self, ConsumerChange};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::{Action, Caller};
use terrane_jsonapi::Page;

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, Parameters, address, document, id, reference_ids};
use crate::routes::{Access, Routes};
use crate::workspaces;

const PATH: &str = "/api/v2/workspaces/{workspace}/relationships/remote-state-consumers";

pub(crate) fn routes() -> Routes {
    let update = Access::Right(Action::UpdateWorkspace);
    Routes::default()
        .get(PATH, Access::Right(Action::ReadWorkspace), list)
        .post(PATH, update, add)
        .patch(PATH, update, replace)
        .delete(PATH, update, remove)
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let asked = Page::parse(&query)?;
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (views, total) = remote_state_consumers::list(&app, &caller, key, asked.limit(), asked.offset()).await?;
    let resources = views.iter().map(|view| workspaces::resource(&app, view)).collect();
    let base = address(&app, &format!("workspaces/{workspace}/relationships/remote-state-consumers"));
    Ok(document(StatusCode::OK, &workspaces::page(resources, asked, total, &base, &query)))
}

async fn change(app: &App, caller: &Caller, workspace: &str, body: &[u8], how: ConsumerChange) -> ApiResult<Response> {
    let key = WorkspaceKey::Id(id(workspace)?);
    remote_state_consumers::change(app, caller, key, reference_ids(body)?, how).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn add(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    change(&app, &caller, &workspace, &body.0, ConsumerChange::Add).await
}

async fn replace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    change(&app, &caller, &workspace, &body.0, ConsumerChange::Replace).await
}

async fn remove(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    change(&app, &caller, &workspace, &body.0, ConsumerChange::Remove).await
}
