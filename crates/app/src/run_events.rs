//! Runs' own histories.

use serde_json::{Value, json};
use terrane_domain::access::{Action, Caller};
use terrane_domain::comments::Comment;
use terrane_domain::ids::{CommentId, RunEventId, RunId};
use terrane_domain::run_events::{RunEvent, RunEventAction};
use terrane_domain::runs::Run;
use terrane_domain::users::User;
use terrane_store::{StoreError, Tx};

use crate::{App, AppError, AppResult, entropy, events, lookups};

/// What is wanted beside entries of a run's history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Wanted {
    pub actor: bool,
    pub comment: bool,
}

/// Entries of a run's history, with what is wanted beside them.
#[derive(Clone)]
pub struct RunEvents {
    /// The entries, oldest first.
    pub events: Vec<RunEvent>,
    /// The people who did something.
    pub actors: Vec<User>,
    /// What they said.
    pub comments: Vec<Comment>,
}

/// Adds an entry, in the transaction of what it tells; nobody is the server itself.
pub(crate) async fn add(
    tx: &mut Tx,
    run: &Run,
    action: RunEventAction,
    caller: Option<&Caller>,
    comment_id: Option<CommentId>,
) -> Result<(), StoreError> {
    let event = RunEvent {
        id: RunEventId::from_entropy(entropy()),
        run_id: run.id.clone(),
        action,
        description: None,
        actor_id: caller.and_then(Caller::user_id).cloned(),
        comment_id,
        created_at: tx.now(),
    };
    terrane_store::run_events::insert(tx, &event).await
}

/// Adds an entry for what a caller did, and tells it to the audit trail under its name there; `details` is an object.
pub(crate) async fn note(
    tx: &mut Tx,
    caller: &Caller,
    run: &Run,
    (entry, name): (RunEventAction, &str),
    comment_id: Option<CommentId>,
    mut details: Value,
) -> Result<(), StoreError> {
    details["comment"] = json!(comment_id);
    add(tx, run, entry, Some(caller), comment_id).await?;
    events::record(tx, caller, &run.organization_id, name, run.id.as_str(), details).await
}

async fn with_related(tx: &mut Tx, run_id: &RunId, events: Vec<RunEvent>, wanted: Wanted) -> AppResult<RunEvents> {
    let mut actor_ids: Vec<_> = events.iter().filter_map(|event| event.actor_id.as_ref()).collect();
    actor_ids.sort_unstable();
    actor_ids.dedup();
    let actors = if wanted.actor { terrane_store::users::by_ids(tx, &actor_ids).await? } else { Vec::new() };
    let mut comments = if wanted.comment { terrane_store::comments::of_run(tx, run_id).await? } else { Vec::new() };
    comments.retain(|comment| events.iter().any(|event| event.comment_id.as_ref() == Some(&comment.id)));
    Ok(RunEvents { events, actors, comments })
}

/// A run's history.
pub async fn list(app: &App, caller: &Caller, id: RunId, wanted: Wanted) -> AppResult<RunEvents> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::ReadWorkspace).await?;
                let events = terrane_store::run_events::of_run(tx, &run.id).await?;
                with_related(tx, &run.id, events, wanted).await
            })
        })
        .await
}

/// One entry of a run's history.
pub async fn read(app: &App, caller: &Caller, id: RunEventId, wanted: Wanted) -> AppResult<RunEvents> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let event = terrane_store::run_events::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = lookups::run(tx, &caller, &event.run_id, Action::ReadWorkspace).await?;
                with_related(tx, &run.id, vec![event], wanted).await
            })
        })
        .await
}
