//! Runs' histories. The CLI gives up on a run whose events it cannot read. Source: `api-docs/run.mdx`, and the client's
//! own `run_event.go` for what the page leaves out.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::run_events::{self, RunEvents, Wanted};
use terrane_app::{App, AppError};
use terrane_domain::access::Action;
use terrane_domain::ids::{CommentId, UserId};
use terrane_domain::run_events::RunEvent;
use terrane_jsonapi::{Document, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, document, id};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::{account, comments};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    Routes::default().get("/api/v2/runs/{run}/run-events", read, list).get("/api/v2/run-events/{run-event}", read, show)
}

pub(crate) fn resource(event: &RunEvent) -> Resource {
    Resource::new("run-events", event.id.as_str())
        .attributes(&json!({
            "action": event.action,
            "description": event.description,
            "created-at": event.created_at,
        }))
        .relation("actor", Relationship::to_optional("users", event.actor_id.as_ref().map(UserId::as_str)))
        .relation("comment", Relationship::to_optional("comments", event.comment_id.as_ref().map(CommentId::as_str)))
        .relation("target", Relationship::to_one("runs", event.run_id.as_str()))
        .link("self", format!("/api/v2/run-events/{}", event.id))
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["actor", "comment"];

    fn of(paths: &Paths) -> Self {
        Self { actor: paths.has("actor"), comment: paths.has("comment") }
    }
}

fn with_related(answer: Document, found: &RunEvents) -> Response {
    let event_of = |comment: &CommentId| {
        found.events.iter().find(|event| event.comment_id.as_ref() == Some(comment)).map(|event| &event.id)
    };
    let comments = found.comments.iter().map(|comment| comments::resource(comment, event_of(&comment.id)));
    let answer = answer.include_all(found.actors.iter().map(account::resource)).include_all(comments);
    document(StatusCode::OK, &answer)
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let found = run_events::list(&app, &caller, id(&run)?, wanted).await?;
    Ok(with_related(Document::many(found.events.iter().map(resource).collect()), &found))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(event): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let found = run_events::read(&app, &caller, id(&event)?, wanted).await?;
    let answer = found.events.first().map(|event| Document::one(resource(event))).ok_or(AppError::NotFound)?;
    Ok(with_related(answer, &found))
}
