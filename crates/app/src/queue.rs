//! The queue of a workspace: one run holds it, the others wait; plan-only runs and saved plans go beside it.
//!
//! Every change of a run's status happens in a function of this module or of `jobs`, by conditional UPDATE on the
//! status that was read; who comes second finds no row and gives way.

use terrane_domain::ids::{JobId, RunnerId, WorkspaceId};
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{Phase, StopRequest};
use terrane_domain::runs::{PhaseStatus, Run, RunStatus, SAVED_PLAN_LIFE};
use terrane_domain::workspaces::{EndedRun, LockHolder, RunStatistics, Workspace};
use terrane_store::runs::RunChange;
use terrane_store::{StoreError, Tx};

use crate::{App, AppResult, entropy, errored_states, events, run_events};

/// How long the runner that planned is preferred for the apply. It keeps the plan's folder longer, but an apply does not
/// wait longer for one that may be busy.
const PREFERENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What a lock by a run says.
fn lock_reason(run: &Run) -> String {
    format!("Locked by run {}", run.id)
}

/// Starts the next waiting run, if the workspace is free. It is held: who ends its run or queues another at the same
/// time comes before and is seen here, or comes after and sees what was done here.
pub(crate) async fn advance(tx: &mut Tx, workspace_id: &WorkspaceId) -> Result<(), StoreError> {
    terrane_store::workspaces::hold(tx, workspace_id).await?;
    let Some(workspace) = terrane_store::workspaces::by_id(tx, workspace_id).await? else { return Ok(()) };
    match workspace.lock_holder {
        None => {}
        Some(LockHolder::Run(_)) => return Ok(()),
        Some(_) => return lead_queue(tx, &workspace).await,
    }
    while let Some(mut run) = terrane_store::runs::next_in_queue(tx, workspace_id).await? {
        // One that was cancelled since it was found is passed over.
        if start_plan(tx, &mut run).await? {
            take_workspace(tx, &run).await?;
            break;
        }
    }
    Ok(())
}

/// Makes the next waiting run current while people hold the workspace: by a current run that waits, clients tell such a
/// lock from a queue.
async fn lead_queue(tx: &mut Tx, workspace: &Workspace) -> Result<(), StoreError> {
    match terrane_store::runs::next_in_queue(tx, &workspace.id).await? {
        Some(run) if workspace.current_run_id.as_ref() != Some(&run.id) => {
            terrane_store::workspaces::set_current_run(tx, &workspace.id, &run.id).await
        }
        _ => Ok(()),
    }
}

/// Locks the workspace for the run and makes the run current.
pub(crate) async fn take_workspace(tx: &mut Tx, run: &Run) -> Result<bool, StoreError> {
    let holder = LockHolder::Run(run.id.clone());
    if !terrane_store::workspaces::lock(tx, &run.workspace_id, &holder, &lock_reason(run)).await? {
        return Ok(false);
    }
    terrane_store::workspaces::set_current_run(tx, &run.workspace_id, &run.id).await?;
    Ok(true)
}

/// Queues the run's plan for a runner, unless the run is not what it was any more.
pub(crate) async fn start_plan(tx: &mut Tx, run: &mut Run) -> Result<bool, StoreError> {
    if !terrane_store::runs::set_status(tx, run, RunStatus::PlanQueued, RunChange::default()).await? {
        return Ok(false);
    }
    queue_phase(tx, run, Phase::Plan, None).await?;
    Ok(true)
}

/// Confirms the run and queues its apply. `confirmed_by` is the person, or nobody for auto-apply.
pub(crate) async fn confirm(tx: &mut Tx, run: &mut Run, change: RunChange) -> Result<bool, StoreError> {
    if !terrane_store::runs::set_status(tx, run, RunStatus::Confirmed, change).await? {
        return Ok(false);
    }
    if !terrane_store::runs::set_status(tx, run, RunStatus::ApplyQueued, RunChange::default()).await? {
        return Ok(false);
    }
    let planner = terrane_store::jobs::of_run(tx, &run.id, Phase::Plan).await?.and_then(|job| job.runner_id);
    queue_phase(tx, run, Phase::Apply, planner).await?;
    Ok(true)
}

async fn queue_phase(
    tx: &mut Tx,
    run: &Run,
    phase: Phase,
    preferred_runner_id: Option<RunnerId>,
) -> Result<(), StoreError> {
    if let Some(mut row) = terrane_store::runs::phase(tx, &run.id, phase).await? {
        terrane_store::runs::set_phase_status(tx, &mut row, PhaseStatus::Queued, None).await?;
    }
    let preferred_until = preferred_runner_id.is_some().then(|| tx.now().plus(PREFERENCE));
    let job = JobRecord {
        id: JobId::from_entropy(entropy()),
        organization_id: run.organization_id.clone(),
        run_id: run.id.clone(),
        phase,
        status: JobStatus::Queued,
        runner_id: None,
        fence: 0,
        lease_until: None,
        attempts: 0,
        admitted_at: None,
        stop: StopRequest::None,
        preferred_runner_id,
        preferred_until,
        created_at: tx.now(),
    };
    terrane_store::jobs::insert(tx, &job).await
}

/// Ends a run: phases that were not reached become unreachable, its lock is given back, the next run starts.
pub(crate) async fn end(tx: &mut Tx, run: &mut Run, status: RunStatus, change: RunChange) -> Result<bool, StoreError> {
    // The workspace before the run, as where the next run is started: in another order two transactions would wait for
    // each other.
    terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
    if !terrane_store::runs::set_status(tx, run, status, change).await? {
        return Ok(false);
    }
    for phase in [Phase::Plan, Phase::Apply] {
        if let Some(mut row) = terrane_store::runs::phase(tx, &run.id, phase).await? {
            if !row.status.is_final() {
                let ended = if status == RunStatus::Canceled && row.status == PhaseStatus::Queued {
                    PhaseStatus::Canceled
                } else {
                    PhaseStatus::Unreachable
                };
                terrane_store::runs::set_phase_status(tx, &mut row, ended, None).await?;
            }
            // A log that never began needs no end: readers go by the status.
            if !row.log_ended && row.log_length > 0 {
                terrane_store::logs::end(tx, &run.organization_id, &mut row, b"").await?;
            }
        }
    }
    terrane_store::tokens::remove_of_run(tx, &run.id).await?;
    let details = serde_json::json!({ "status": status, "reason": run.reason });
    events::record_by(tx, "system".to_owned(), &run.organization_id, "run.end", run.id.as_str(), details).await?;
    note_statistics(tx, run).await?;
    if status == RunStatus::Applied {
        let configuration = &run.configuration_version_id;
        terrane_store::configuration_versions::set_current_if_newest(tx, &run.workspace_id, configuration).await?;
        supersede_saved_plans(tx, &run.workspace_id).await?;
    }
    release(tx, run).await
}

/// Keeps how the workspace's newest runs went, so that no reader has to add it up.
async fn note_statistics(tx: &mut Tx, run: &Run) -> Result<(), StoreError> {
    let limit = i64::try_from(RunStatistics::RUNS).unwrap_or(i64::MAX);
    let runs = terrane_store::runs::ended(tx, &run.workspace_id, limit).await?;
    let ids: Vec<_> = runs.iter().map(|run| &run.id).collect();
    let phases = terrane_store::runs::phases(tx, &ids).await?;
    let ended = |run: &Run| {
        let took = |wanted| phases.iter().find(|row| row.run_id == run.id && row.phase == wanted)?.duration();
        EndedRun { status: run.status, plan: took(Phase::Plan), apply: took(Phase::Apply) }
    };
    let statistics = RunStatistics::of(&runs.iter().map(ended).collect::<Vec<_>>());
    terrane_store::workspaces::set_statistics(tx, &run.workspace_id, statistics).await
}

/// Gives the run's lock back, if it has it, and lets the queue go on. Where it is not known what an apply did, or its state
/// is not the workspace's, the lock waits for a person instead.
async fn release(tx: &mut Tx, run: &Run) -> Result<bool, StoreError> {
    let holder = LockHolder::Run(run.id.clone());
    let waits_for = match run.reason {
        Some(ReasonCode::RunnerLost) => Some(ReasonCode::RunnerLost),
        _ if matches!(run.status, RunStatus::Errored | RunStatus::Canceled)
            && errored_states::is_open(tx, &run.id).await? =>
        {
            Some(ReasonCode::StateRefused)
        }
        _ => None,
    };
    if let Some(reason) = waits_for {
        let (recovery, reason) = (LockHolder::Recovery(run.id.clone()), reason.sentence());
        terrane_store::workspaces::hand_over_lock(tx, &run.workspace_id, &holder, &recovery, reason).await?;
        return Ok(true);
    }
    let is_free = terrane_store::workspaces::unlock(tx, &run.workspace_id, &holder).await?;
    // One that ends while it waits may have been current all the same.
    if is_free || !(run.plan_only || run.save_plan) {
        advance(tx, &run.workspace_id).await?;
    }
    Ok(true)
}

/// Saved plans were made against the state before this change or apply: they can no longer be applied.
pub(crate) async fn supersede_saved_plans(tx: &mut Tx, workspace_id: &WorkspaceId) -> Result<(), StoreError> {
    loop {
        let saved = terrane_store::runs::saved_plans(tx, workspace_id).await?;
        if !Box::pin(discard_all(tx, saved, ReasonCode::Superseded)).await? {
            return Ok(());
        }
    }
}

/// Discards some of the runs that are to go; `false` if there are none any more.
pub(crate) async fn discard_all(tx: &mut Tx, runs: Vec<Run>, reason: ReasonCode) -> Result<bool, StoreError> {
    let mut has_discarded = false;
    for mut run in runs {
        has_discarded |= discard(tx, &mut run, reason).await?;
    }
    Ok(has_discarded)
}

/// Throws a run away without anyone having asked for just that; its history says so.
pub(crate) async fn discard(tx: &mut Tx, run: &mut Run, reason: ReasonCode) -> Result<bool, StoreError> {
    let change = RunChange { reason: Some((reason, None)), ..RunChange::default() };
    let is_discarded = end(tx, run, RunStatus::Discarded, change).await?;
    if is_discarded {
        run_events::add(tx, run, RunEventAction::Discarded, None, None).await?;
    }
    Ok(is_discarded)
}

/// What changes when a run was ended by force. Its status is that of every cancelled run, which clients know.
pub(crate) fn by_force() -> RunChange {
    RunChange { reason: Some((ReasonCode::ForceCanceled, None)), canceled: true, ..RunChange::default() }
}

/// Throws away the saved plans of all organizations that waited too long, each by itself: one that cannot be thrown away
/// does not keep the others. Answers how many are gone.
pub async fn expire_saved_plans(app: &App) -> AppResult<usize> {
    let moment = app.store.now().minus(SAVED_PLAN_LIFE);
    let expired = app.store.read(move |tx| Box::pin(terrane_store::runs::expired_plans(tx, moment))).await?;
    let mut count = 0;
    for mut run in expired {
        let id = run.id.clone();
        let discarded = app
            .store
            .write(move |tx| Box::pin(async move { discard(tx, &mut run, ReasonCode::PlanExpired).await }))
            .await;
        match discarded {
            Ok(is_discarded) => count += usize::from(is_discarded),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(run = %id, error, "an old saved plan could not be discarded");
            }
        }
    }
    Ok(count)
}
