//! Errored states: what an apply left that did not become a state of its workspace. Taken from runners, shown, and decided
//! about by people; nothing here is tried again by itself.
//!
//! Source: `api-docs/applies.mdx`, "Recover a failed state upload after applying". The decisions are Terrane's own:
//! `docs/decisions/0005-a-lost-apply-waits-for-a-person.md`.

mod resolve;

use serde_json::json;
use terrane_domain::access::{Action, Caller, Target};
use terrane_domain::errored_states::{ErroredState, may_be_left};
use terrane_domain::ids::{JobId, RunId, RunnerId, WorkspaceId};
use terrane_domain::jobs::JobStatus;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{LostJob, Phase, RefusalCode};
use terrane_domain::runs::Run;
use terrane_domain::state_versions::{NewState, StateVersion, is_stored};
use terrane_domain::workspaces::LockHolder;
use terrane_store::{BlobReader, StoreError, Tx};

pub use resolve::{adopt, discard};

use crate::jobs::{hold_workspace, lease_lost, refused, require_runner, spool_key};
use crate::signed_urls::{Grant, Purpose, sign};
use crate::state_uploads::store_state;
use crate::streams::{Body, remove_unless_named};
use crate::{App, AppError, AppResult, events, lookups};

/// The run of a job whose state may be handed over under this fencing number.
async fn run_of(tx: &mut Tx, id: &JobId, fence: i64) -> AppResult<Run> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let run = terrane_store::runs::by_id(tx, &job.run_id).await?.ok_or(AppError::NotFound)?;
    if job.fence == fence && may_be_left(&job, run.status) { Ok(run) } else { Err(lease_lost()) }
}

/// Lets a runner that lost an apply hand over what it has of its state.
pub async fn recover(app: &App, caller: &Caller, id: JobId, runner_id: RunnerId) -> AppResult<LostJob> {
    require_runner(caller)?;
    let spool_key = spool_key(app, &id);
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let job = terrane_store::jobs::by_id(tx, &id).await?.ok_or_else(lease_lost)?;
                if !hold_workspace(tx, &job).await? {
                    return Err(lease_lost());
                }
                let job = terrane_store::jobs::by_id(tx, &id).await?.ok_or_else(lease_lost)?;
                run_of(tx, &id, job.fence).await?;
                // One that is held is taken up again instead.
                if job.status != JobStatus::Done
                    || !terrane_store::jobs::recover(tx, &id, &runner_id, job.fence).await?
                {
                    return Err(lease_lost());
                }
                let job = terrane_store::jobs::by_id(tx, &id).await?.ok_or_else(lease_lost)?;
                Ok(LostJob { fence: job.fence, spool_key })
            })
        })
        .await
}

/// Keeps the state that a run left. The same bytes again have no effect, nor has what the workspace has already; others
/// are refused.
pub async fn put(app: &App, caller: &Caller, id: JobId, fence: i64, body: Body) -> AppResult<()> {
    require_runner(caller)?;
    let wanted = id.clone();
    let run = app.store.read(move |tx| Box::pin(async move { run_of(tx, &wanted, fence).await })).await?;
    let (blob, document) = store_state(app, &run.organization_id, run.id.as_str(), body).await?;
    let (key, document) = (blob.key.clone(), document.ok());
    let kept = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
                let run = run_of(tx, &id, fence).await?;
                let (serial, lineage) = document
                    .map_or((None, String::new()), |document| (Some(document.serial), document.lineage.clone()));
                if let Some(serial) = serial {
                    let current = terrane_store::state_versions::current(tx, &run.workspace_id).await?;
                    let new = NewState { serial, lineage: &lineage, md5: &blob.md5, force: false };
                    if is_stored(current.as_ref(), &run.id, &new) {
                        return Ok(false);
                    }
                }
                if let Some(known) = terrane_store::errored_states::of_run(tx, &run.id).await? {
                    if known.md5 == blob.md5 {
                        return Ok(false);
                    }
                    return Err(refused(RefusalCode::StateConflict, "this run has left another state before"));
                }
                let state = ErroredState {
                    run_id: run.id.clone(),
                    organization_id: run.organization_id.clone(),
                    serial,
                    lineage,
                    md5: blob.md5.clone(),
                    size: i64::try_from(blob.size).unwrap_or(i64::MAX),
                    blob: blob.key.clone(),
                    resolution: None,
                    resolved_at: None,
                    created_at: tx.now(),
                };
                terrane_store::errored_states::insert(tx, &state).await?;
                let details = json!({ "serial": state.serial, "bytes": state.size });
                let (actor, subject) = (format!("run {}", run.id), run.id.as_str());
                events::record_by(tx, actor, &run.organization_id, "run.leave-state", subject, details).await?;
                Ok::<_, AppError>(true)
            })
        })
        .await;
    remove_unless_named(app, &key, kept).await
}

/// Whether a run left a state about which nobody has decided.
pub(crate) async fn is_open(tx: &mut Tx, run_id: &RunId) -> Result<bool, StoreError> {
    let state = terrane_store::errored_states::of_run(tx, run_id).await?;
    Ok(state.is_some_and(|state| state.resolution.is_none()))
}

/// Where the state that an apply left can be fetched for a minute.
pub async fn address(app: &App, caller: &Caller, apply_id: &str) -> AppResult<String> {
    let (actor, id) = (caller.clone(), apply_id.to_owned());
    let run_id = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let apply = terrane_store::runs::phase_by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = lookups::run(tx, &actor, &apply.run_id, Action::ReadState).await?;
                let state = terrane_store::errored_states::of_run(tx, &run.id).await?;
                state.map(|state| state.run_id).ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(sign(app, caller, Purpose::ErroredState, run_id.as_str()))
}

/// Opens the state that a signed address was given for.
pub async fn download(app: &App, grant: &Grant) -> AppResult<BlobReader> {
    let id: RunId = grant.resource.parse().map_err(|_| AppError::NotFound)?;
    let state = app
        .store
        .read(move |tx| {
            Box::pin(async move { Ok::<_, AppError>(terrane_store::errored_states::of_run(tx, &id).await?) })
        })
        .await?;
    Ok(app.store.blob_reader(&state.ok_or(AppError::NotFound)?.blob).await?)
}

/// What there is to decide by when an apply was lost or its state was refused.
#[derive(Clone)]
pub struct Evidence {
    /// What it left, if it has come, for who may read states.
    pub state: Option<ErroredState>,
    /// The workspace's newest state, for who may read states.
    pub current: Option<StateVersion>,
    /// The job, by whose id the runner's spool goes.
    pub job_id: JobId,
    /// Whether the workspace waits for the decision.
    pub is_locked: bool,
    /// Whether the caller may read states.
    pub can_read: bool,
    /// Whether the caller may decide.
    pub can_resolve: bool,
}

/// The evidence about a run, if there is anything to decide about it or was once.
pub async fn read(app: &App, caller: &Caller, id: RunId) -> AppResult<Option<Evidence>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (run, place) = lookups::run_with_place(tx, &caller, &id, Action::ReadWorkspace).await?;
                let state = terrane_store::errored_states::of_run(tx, &run.id).await?;
                if state.is_none() && run.reason != Some(ReasonCode::RunnerLost) {
                    return Ok(None);
                }
                let Some(job) = terrane_store::jobs::of_run(tx, &run.id, Phase::Apply).await? else { return Ok(None) };
                let may = |action| place.judge(&caller, action, Target::Workspace(&run.workspace_id)).is_ok();
                let (can_read, can_resolve) = (may(Action::ReadState), may(Action::ResolveErroredState));
                let current = terrane_store::state_versions::current(tx, &run.workspace_id).await?;
                Ok(Some(Evidence {
                    state: state.filter(|_| can_read),
                    current: current.filter(|_| can_read),
                    job_id: job.id,
                    is_locked: is_locked_for(tx, &run.workspace_id, &run.id).await?,
                    can_read,
                    can_resolve,
                }))
            })
        })
        .await
}

async fn is_locked_for(tx: &mut Tx, workspace_id: &WorkspaceId, run_id: &RunId) -> Result<bool, StoreError> {
    let workspace = terrane_store::workspaces::by_id(tx, workspace_id).await?;
    Ok(workspace.is_some_and(|workspace| workspace.is_locked_by(&LockHolder::Recovery(run_id.clone()))))
}
