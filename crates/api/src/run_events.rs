//! A run's history. The CLI gives up on a run whose events it cannot read.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::{App, runs};
use terrane_domain::access::Action;
use terrane_domain::run_events::RunEvent;
use terrane_jsonapi::{Document, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().get("/api/v2/runs/{run}/run-events", Access::Right(Action::ReadWorkspace), list)
}

pub(crate) fn resource(event: &RunEvent) -> Resource {
    Resource::new("run-events", event.id.as_str())
        .attributes(&json!({
            "action": event.action,
            "description": event.description,
            "created-at": event.created_at,
        }))
        .relation(
            "actor",
            Relationship::to_optional("users", event.actor_id.as_ref().map(terrane_domain::ids::UserId::as_str)),
        )
        .relation("comment", Relationship::to_none())
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
) -> ApiResult<Response> {
    let events = runs::run_events(&app, &caller, id(&run)?).await?;
    Ok(document(StatusCode::OK, &Document::many(events.iter().map(resource).collect())))
}
