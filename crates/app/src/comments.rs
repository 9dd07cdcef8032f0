//! What people say about runs. Source: `api-docs/comments.mdx`.

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::comments::{Comment, check_body, check_count};
use terrane_domain::ids::{CommentId, RunEventId, RunId};
use terrane_domain::run_events::{RunEvent, RunEventAction};
use terrane_domain::runs::Run;
use terrane_store::Tx;

use crate::{App, AppError, AppResult, entropy, lookups, run_events};

/// A comment with the entry of the run's history that names it.
#[derive(Debug, Clone)]
pub struct CommentView {
    /// The comment.
    pub comment: Comment,
    /// The entry, by which people find who said it and at what occasion.
    pub run_event_id: Option<RunEventId>,
}

pub(crate) fn view(comment: Comment, events: &[RunEvent]) -> CommentView {
    let event = events.iter().find(|event| event.comment_id.as_ref() == Some(&comment.id));
    CommentView { run_event_id: event.map(|event| event.id.clone()), comment }
}

/// Keeps what was said; the entry of the run's history that names it is the caller's to add.
async fn keep(tx: &mut Tx, run: &Run, body: String) -> AppResult<Comment> {
    check_body(&body)?;
    let comment = Comment {
        id: CommentId::from_entropy(entropy()),
        organization_id: run.organization_id.clone(),
        run_id: run.id.clone(),
        body,
        created_at: tx.now(),
    };
    terrane_store::comments::insert(tx, &comment).await?;
    Ok(comment)
}

/// Keeps what was said with an act, if anything was; the entry that names it is the caller's to add.
pub(crate) async fn keep_if_said(tx: &mut Tx, run: &Run, body: Option<String>) -> AppResult<Option<CommentId>> {
    Ok(match body {
        Some(body) => Some(keep(tx, run, body).await?.id),
        None => None,
    })
}

/// Says something about a run.
pub async fn create(app: &App, caller: &Caller, id: RunId, body: String) -> AppResult<CommentView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::QueueRun).await?;
                check_count(terrane_store::comments::count(tx, &run.id).await?)?;
                let comment = keep(tx, &run, body).await?;
                let deed = (RunEventAction::Commented, "run.comment");
                run_events::note(tx, &caller, &run, deed, Some(comment.id.clone()), json!({})).await?;
                Ok(view(comment, &terrane_store::run_events::of_run(tx, &run.id).await?))
            })
        })
        .await
}

/// One comment.
pub async fn read(app: &App, caller: &Caller, id: CommentId) -> AppResult<CommentView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let comment = terrane_store::comments::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = lookups::run(tx, &caller, &comment.run_id, Action::ReadWorkspace).await?;
                Ok(view(comment, &terrane_store::run_events::of_run(tx, &run.id).await?))
            })
        })
        .await
}

/// What was said about a run, oldest first.
pub async fn list(app: &App, caller: &Caller, id: RunId) -> AppResult<Vec<CommentView>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::ReadWorkspace).await?;
                let comments = terrane_store::comments::of_run(tx, &run.id).await?;
                let events = terrane_store::run_events::of_run(tx, &run.id).await?;
                Ok(comments.into_iter().map(|comment| view(comment, &events)).collect())
            })
        })
        .await
}
