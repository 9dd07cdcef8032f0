//! The two decisions about what an apply left. Of several callers one decides; the others are told what was decided.

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::errored_states::{ErroredState, Resolution, may_be_adopted};
use terrane_domain::ids::{RunId, StateVersionId};
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runs::Run;
use terrane_domain::state_versions::{NewState, StateVersion, may_follow};
use terrane_domain::workspaces::LockHolder;
use terrane_store::{StoredBlob, Tx};

use crate::state_documents::StateDocument;
use crate::state_uploads::{announce, finalize, hold_current};
use crate::workspaces::holder_of;
use crate::{App, AppError, AppResult, comments, entropy, lookups, queue, run_events, streams};

/// The decisions as the run's history has them, and by their names in the audit trail.
const ADOPTED: (RunEventAction, &str) = (RunEventAction::StateAdopted, "run.adopt-state");
const DISCARDED: (RunEventAction, &str) = (RunEventAction::StateDiscarded, "run.discard-state");

/// What is said when there is nothing to decide.
fn decided(run_id: &RunId, state: Option<&ErroredState>) -> AppError {
    let decision = state.and_then(|state| state.resolution);
    AppError::Conflict(match decision {
        Some(resolution) => format!(
            "transition not allowed: the state that run {run_id} left was {resolution} already; there is nothing more to decide"
        ),
        None => format!(
            "transition not allowed: there is no state that run {run_id} left, and the workspace is not locked because of it"
        ),
    })
}

/// Gives back the lock that waited for the decision, if it still does. The workspace is held.
async fn end_recovery(tx: &mut Tx, run: &Run) -> AppResult<bool> {
    let recovery = LockHolder::Recovery(run.id.clone());
    if !terrane_store::workspaces::unlock(tx, &run.workspace_id, &recovery).await? {
        return Ok(false);
    }
    terrane_store::state_versions::discard_pending(tx, &run.workspace_id).await?;
    queue::advance(tx, &run.workspace_id).await?;
    Ok(true)
}

/// What a run left, if nobody has decided about it.
async fn open_state(tx: &mut Tx, run_id: &RunId) -> AppResult<ErroredState> {
    let state = terrane_store::errored_states::of_run(tx, run_id).await?;
    match state {
        Some(state) if state.resolution.is_none() => Ok(state),
        Some(state) => Err(decided(run_id, Some(&state))),
        None => Err(AppError::Conflict(format!(
            "transition not allowed: run {run_id} has handed over no state that could be adopted; its runner may do so when it is back"
        ))),
    }
}

/// Makes what a run left the workspace's newest state, by the rules for every state, and ends the lock that waited for it.
pub async fn adopt(app: &App, caller: &Caller, id: RunId, comment: Option<String>) -> AppResult<()> {
    let (actor, run_id) = (caller.clone(), id.clone());
    let state = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &actor, &run_id, Action::ResolveErroredState).await?;
                open_state(tx, &run.id).await
            })
        })
        .await?;
    let reader = app.store.blob_reader(&state.blob).await?;
    let document = streams::read_blob(reader, |reader| StateDocument::read(reader)).await?;
    let document = document.map_err(|error| by_hand(&format!("the state cannot be read: {error}")))?;
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::ResolveErroredState).await?;
                adopt_in(tx, &caller, &run, document, comment).await
            })
        })
        .await
}

/// What is said of a state that cannot be the workspace's as it is.
fn by_hand(why: &str) -> AppError {
    AppError::Conflict(format!(
        "{why}. Download it from the apply's errored-state, discard it, and push what you make of it by `terraform state push -force`"
    ))
}

async fn adopt_in(
    tx: &mut Tx,
    caller: &Caller,
    run: &Run,
    document: StateDocument,
    comment: Option<String>,
) -> AppResult<()> {
    let current = hold_current(tx, &run.workspace_id).await?;
    let state = open_state(tx, &run.id).await?;
    let workspace = terrane_store::workspaces::by_id(tx, &run.workspace_id).await?.ok_or(AppError::NotFound)?;
    let (lock, own) = (workspace.lock_holder.as_ref(), holder_of(caller)?);
    if let Some(holder) = lock.filter(|_| !may_be_adopted(&run.id, lock, &own)) {
        return Err(AppError::Conflict(format!(
            "The workspace is locked by {}, so its state cannot be replaced; wait until it is unlocked, and adopt again",
            holder.describe()
        )));
    }
    let (serial, lineage) = (document.serial, document.lineage.clone());
    let new = NewState { serial, lineage: &lineage, md5: &state.md5, force: false };
    may_follow(current.as_ref(), &new).map_err(|conflict| by_hand(&conflict.to_string()))?;
    if !terrane_store::errored_states::resolve(tx, &run.id, Resolution::Adopted).await? {
        return Err(decided(&run.id, Some(&state)));
    }
    let (organization_id, workspace_id) = (run.organization_id.clone(), run.workspace_id.clone());
    let id = StateVersionId::from_entropy(entropy());
    let mut version = StateVersion {
        run_id: Some(run.id.clone()),
        created_by: caller.user_id().cloned(),
        ..StateVersion::announced(id, organization_id, workspace_id, &new, tx.now())
    };
    let blob = StoredBlob { key: state.blob, size: u64::try_from(state.size).unwrap_or(0), md5: state.md5 };
    announce(tx, &version).await?;
    finalize(tx, &mut version, &blob, document, caller.actor()).await?;
    let details = json!({ "state-version": version.id, "serial": serial });
    let comment = comments::keep_if_said(tx, run, comment).await?;
    run_events::note(tx, caller, run, ADOPTED, comment, details).await?;
    end_recovery(tx, run).await?;
    Ok(())
}

/// Decides to go on with the state that the workspace has, and ends the lock that waited for it. That also ends the wait
/// for a state that has not come.
pub async fn discard(app: &App, caller: &Caller, id: RunId, comment: Option<String>) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let run = lookups::run(tx, &caller, &id, Action::ResolveErroredState).await?;
                terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
                let state = terrane_store::errored_states::of_run(tx, &run.id).await?;
                let is_resolved = terrane_store::errored_states::resolve(tx, &run.id, Resolution::Discarded).await?;
                let is_unlocked = end_recovery(tx, &run).await?;
                if !is_resolved && !is_unlocked {
                    return Err(decided(&run.id, state.as_ref()));
                }
                let details = json!({ "serial": state.and_then(|state| state.serial) });
                let comment = comments::keep_if_said(tx, &run, comment).await?;
                Ok(run_events::note(tx, &caller, &run, DISCARDED, comment, details).await?)
            })
        })
        .await
}
