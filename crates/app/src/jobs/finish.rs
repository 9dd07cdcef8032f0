//! The ends of jobs, and what follows from them.

use std::time::Duration;

use terrane_domain::access::Caller;
use terrane_domain::ids::JobId;
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{Finish, Outcome, Phase, Refusal, RefusalCode, StopRequest};
use terrane_domain::runs::{PhaseStatus, Run, RunSource, RunStatus, after_plan};
use terrane_domain::time::Timestamp;
use terrane_store::Tx;
use terrane_store::runs::RunChange;

use super::{held, hold_workspace, lease_lost, require_runner};
use crate::{App, AppError, AppResult, errored_states, queue, run_events};

/// How long after its plan a run that was approved beforehand may fail at the earliest. terraform follows the plan's log
/// and then looks at the run: of one that has failed by then it shows neither the plan nor the apply.
const UNSEEN_PLAN: Duration = Duration::from_secs(5);

/// Ends a job: the phase's status, the run's status and the end of the log become visible in one step.
pub async fn finish(app: &App, caller: &Caller, id: JobId, finish: Finish) -> AppResult<()> {
    require_runner(caller)?;
    let (again, told) = (id.clone(), finish.clone());
    let pause = app.store.write(move |tx| Box::pin(async move { finish_in(tx, &id, &finish, true).await })).await?;
    if let Some(pause) = pause {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.drained() => {}
        }
        app.store.write(move |tx| Box::pin(async move { finish_in(tx, &again, &told, false).await })).await?;
    }
    Ok(())
}

/// How long the failure of an apply has to wait for those who still read the plan.
fn until_plan_was_seen(job: &JobRecord, run: &Run, now: Timestamp) -> Option<Duration> {
    if job.phase != Phase::Apply || !run.auto_apply || run.source != RunSource::TerraformCloud {
        return None;
    }
    let confirmed = run.status_timestamps[RunStatus::Confirmed.timestamp_key()].as_str();
    let confirmed: Timestamp = confirmed?.parse().ok()?;
    Some(UNSEEN_PLAN.saturating_sub(now.since(confirmed))).filter(|pause| !pause.is_zero())
}

/// Ends the job, or answers how long to wait first, having changed nothing.
async fn finish_in(tx: &mut Tx, id: &JobId, finish: &Finish, may_wait: bool) -> AppResult<Option<Duration>> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if job.status == JobStatus::Done && job.fence == finish.fence {
        return Ok(None);
    }
    if !hold_workspace(tx, &job).await? {
        return Err(AppError::NotFound);
    }
    let (job, mut run, mut phase) = held(tx, id, finish.fence).await?;
    if u64::try_from(phase.log_length).unwrap_or(0) != finish.log_length {
        return Err(AppError::Refused(Refusal {
            code: RefusalCode::LogGap,
            message: format!("the log has {} bytes of {}", phase.log_length, finish.log_length),
            offset: u64::try_from(phase.log_length).ok(),
        }));
    }
    if may_wait
        && finish.outcome == Outcome::Errored
        && let Some(pause) = until_plan_was_seen(&job, &run, tx.now())
    {
        return Ok(Some(pause));
    }
    if !terrane_store::jobs::finish(tx, id, finish.fence).await? {
        return Err(lease_lost());
    }
    // What terraform did is not in the workspace's state: that is no success, whatever terraform says.
    let is_left = job.phase == Phase::Apply && errored_states::is_open(tx, &run.id).await?;
    let finish = &if is_left { without_its_state(finish) } else { finish.clone() };
    let status = match finish.outcome {
        Outcome::Finished => PhaseStatus::Finished,
        Outcome::Errored => PhaseStatus::Errored,
        Outcome::Canceled => PhaseStatus::Canceled,
    };
    terrane_store::runs::set_phase_status(tx, &mut phase, status, Some(finish.counts)).await?;
    let line = if is_left { format!("\n{}\n", ReasonCode::StateRefused.sentence()) } else { String::new() };
    terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
    if finish.generated_configuration {
        terrane_store::runs::set_generated_configuration(tx, &phase.id).await?;
    }
    let reason = finish.reason.map(|code| (code, finish.message.clone()));
    match finish.outcome {
        Outcome::Errored => {
            let reason = reason.or(Some((ReasonCode::Internal, finish.message.clone())));
            queue::end(tx, &mut run, RunStatus::Errored, RunChange { reason, ..RunChange::default() }).await?;
        }
        Outcome::Canceled if job.stop == StopRequest::Kill => {
            queue::end(tx, &mut run, RunStatus::Canceled, queue::by_force()).await?;
        }
        Outcome::Canceled => {
            let reason = reason.or(Some((ReasonCode::Canceled, None)));
            let change = RunChange { reason, canceled: true, ..RunChange::default() };
            queue::end(tx, &mut run, RunStatus::Canceled, change).await?;
        }
        Outcome::Finished if job.phase == Phase::Apply => {
            queue::end(tx, &mut run, RunStatus::Applied, RunChange::default()).await?;
        }
        Outcome::Finished => plan_finished(tx, &mut run, finish.has_changes).await?,
    }
    Ok(None)
}

/// The end of an apply whose state was refused.
fn without_its_state(finish: &Finish) -> Finish {
    let mut finish = finish.clone();
    if finish.outcome != Outcome::Canceled {
        let sentence = ReasonCode::StateRefused.sentence();
        finish.message = finish.message.map(|message| format!("{message} {sentence}"));
        (finish.outcome, finish.reason) = (Outcome::Errored, Some(ReasonCode::StateRefused));
    }
    finish
}

async fn plan_finished(tx: &mut Tx, run: &mut Run, has_changes: bool) -> AppResult<()> {
    let change = RunChange { has_changes: Some(has_changes), ..RunChange::default() };
    // The apply gets one of its own.
    terrane_store::tokens::remove_of_run(tx, &run.id).await?;
    match after_plan(run.plan_facts(has_changes)) {
        next if next.is_final() => {
            queue::end(tx, run, next, change).await?;
        }
        RunStatus::Confirmed => {
            if queue::confirm(tx, run, change).await? {
                run_events::add(tx, run, RunEventAction::Confirmed, None, None).await?;
            }
        }
        // The state is another by now than the one that was planned against: nobody can apply this any more.
        RunStatus::PlannedAndSaved if is_stale(tx, run).await? => {
            terrane_store::runs::set_status(tx, run, RunStatus::PlannedAndSaved, change).await?;
            queue::discard(tx, run, ReasonCode::Superseded).await?;
        }
        next => {
            terrane_store::runs::set_status(tx, run, next, change).await?;
        }
    }
    Ok(())
}

/// Whether the state has changed since the run's plan began.
async fn is_stale(tx: &mut Tx, run: &Run) -> AppResult<bool> {
    let current = terrane_store::state_versions::current(tx, &run.workspace_id).await?;
    Ok(current.map(|version| version.id) != run.input_state_version_id)
}
