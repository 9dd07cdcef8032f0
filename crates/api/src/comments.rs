//! What people say about runs. Source: `api-docs/comments.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::comments::{self, CommentView};
use terrane_domain::access::Action;
use terrane_domain::comments::Comment;
use terrane_domain::ids::RunEventId;
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    Routes::default()
        .get("/api/v2/runs/{run}/comments", read, list)
        .post("/api/v2/runs/{run}/comments", Access::Right(Action::QueueRun), create)
        .get("/api/v2/comments/{comment}", read, show)
}

pub(crate) fn resource(comment: &Comment, run_event_id: Option<&RunEventId>) -> Resource {
    Resource::new("comments", comment.id.as_str())
        .attributes(&json!({ "body": comment.body, "created-at": comment.created_at }))
        .relation("run-event", Relationship::to_optional("run-events", run_event_id.map(RunEventId::as_str)))
        .link("self", format!("/api/v2/comments/{}", comment.id))
}

pub(crate) fn of_view(view: &CommentView) -> Resource {
    resource(&view.comment, view.run_event_id.as_ref())
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
) -> ApiResult<Response> {
    let views = comments::list(&app, &caller, id(&run)?).await?;
    Ok(document(StatusCode::OK, &Document::many(views.iter().map(of_view).collect())))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    // Nothing is as wrong as blanks, and is told only to who may comment.
    let body = input.attribute("body")?.unwrap_or_default();
    let view = comments::create(&app, &caller, id(&run)?, body).await?;
    Ok(document(StatusCode::CREATED, &Document::one(of_view(&view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(comment): Path<String>,
) -> ApiResult<Response> {
    let view = comments::read(&app, &caller, id(&comment)?).await?;
    Ok(document(StatusCode::OK, &Document::one(of_view(&view))))
}
