//! What people say about runs. Source: `api-docs/comments.mdx`.

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::comments::{Comment, check_body};
use terrane_domain::ids::{CommentId, RunEventId, RunId};
use terrane_domain::run_events::{RunEvent, RunEventAction};
use terrane_domain::runs::Run;
use terrane_store::Tx;

use crate::{App, AppError, AppResult, entropy, events, lookups, run_events};

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
pub(crate) async fn keep(tx: &mut Tx, run: &Run, body: String) -> AppResult<CommentId> {
    check_body(&body)?;
    let comment = Comment {
        id: CommentId::from_entropy(entropy()),
        organization_id: run.organization_id.clone(),
        run_id: run.id.clone(),
        body,
        created_at: tx.now(),
    };
    terrane_store::comments::insert(tx, &comment).await?;
    Ok(comment.id)
}

/// Says something about a run.
pub async fn create(app: &App, caller: &Caller, id: RunId, body: String) -> AppResult<CommentView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::QueueRun).await?;
                let comment_id = keep(tx, &run, body).await?;
                run_events::add(tx, &run, RunEventAction::Commented, Some(&caller), Some(comment_id.clone())).await?;
                let details = json!({ "comment": comment_id });
                events::record(tx, &caller, &run.organization_id, "run.comment", run.id.as_str(), details).await?;
                read_in(tx, &run, comment_id).await
            })
        })
        .await
}

async fn read_in(tx: &mut Tx, run: &Run, id: CommentId) -> AppResult<CommentView> {
    let comment = terrane_store::comments::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
    Ok(view(comment, &terrane_store::run_events::of_run(tx, &run.id).await?))
}

/// One comment.
pub async fn read(app: &App, caller: &Caller, id: CommentId) -> AppResult<CommentView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let comment = terrane_store::comments::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = lookups::run(tx, &caller, &comment.run_id, Action::ReadWorkspace).await?;
                read_in(tx, &run, id).await
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
