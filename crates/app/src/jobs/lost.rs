//! Jobs whose runner is not heard of any more.

use std::time::Duration;

use terrane_domain::jobs::JobRecord;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{LEASE_SECONDS, Phase, RENEW_SECONDS, StopRequest};
use terrane_domain::runs::{PhaseStatus, RunStatus};
use terrane_store::Tx;
use terrane_store::runs::RunChange;

use super::hold_workspace;
use crate::{App, AppResult, queue};

/// Deals with jobs whose runner has not been heard of for a whole lease, each by itself: one that fails keeps none of the
/// others, and its turn comes again. Answers how many there were.
pub async fn sweep_lost(app: &App) -> AppResult<usize> {
    let now = app.store.now();
    let lost = app.store.read(move |tx| Box::pin(async move { terrane_store::jobs::lost(tx, now).await })).await?;
    let count = lost.len();
    for job in lost {
        let (id, run_id) = (job.id.clone(), job.run_id.clone());
        if let Err(error) = app.store.write(move |tx| Box::pin(async move { lose(tx, job).await })).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(job = %id, run = %run_id, error, "a job whose runner is lost could not be dealt with");
        }
    }
    Ok(count)
}

async fn lose(tx: &mut Tx, job: JobRecord) -> AppResult<()> {
    if !hold_workspace(tx, &job).await? {
        return Ok(());
    }
    // Its runner may have come back since it was looked for.
    let Some(job) = terrane_store::jobs::by_id(tx, &job.id).await?.filter(|job| job.is_lost(tx.now())) else {
        return Ok(());
    };
    let Some(mut run) = terrane_store::runs::by_id(tx, &job.run_id).await? else { return Ok(()) };
    let Some(mut phase) = terrane_store::runs::phase(tx, &job.run_id, job.phase).await? else { return Ok(()) };
    tracing::warn!(job = %job.id, run = %run.id, phase = %job.phase, "the runner of a job is lost");
    if job.may_repeat() {
        if !terrane_store::jobs::requeue(tx, &job.id, job.fence).await? {
            return Ok(());
        }
        terrane_store::tokens::remove_of_run(tx, &run.id).await?;
        let status = match job.phase {
            Phase::Plan => RunStatus::PlanQueued,
            Phase::Apply => RunStatus::ApplyQueued,
        };
        terrane_store::runs::set_status(tx, &mut run, status, RunChange::default()).await?;
        terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Queued, None).await?;
        return Ok(());
    }
    if !terrane_store::jobs::lose(tx, &job.id, job.fence).await? {
        return Ok(());
    }
    if job.stop == StopRequest::Kill {
        terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Canceled, None).await?;
        let line = format!("\n{}\n", ReasonCode::ForceCanceled.sentence());
        terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
        queue::end(tx, &mut run, RunStatus::Canceled, queue::by_force()).await?;
        return Ok(());
    }
    let reason = job.reason_of_loss();
    let line = format!("\n{}\n", reason.sentence());
    terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Errored, None).await?;
    terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
    let change = RunChange { reason: Some((reason, None)), ..RunChange::default() };
    queue::end(tx, &mut run, RunStatus::Errored, change).await?;
    Ok(())
}

/// After a stop of the server nobody could renew: leases that were not renewed for a while begin anew. Those that
/// were, on another server of the same database, are left alone; what is overdue there belongs to a runner that is
/// gone, and is found a lease later at most.
pub(crate) async fn renew_overdue(app: &App) -> AppResult<()> {
    app.store
        .write(|tx| {
            Box::pin(async move {
                let soon = tx.now().plus(Duration::from_secs(2 * RENEW_SECONDS));
                let until = tx.now().plus(Duration::from_secs(LEASE_SECONDS));
                Ok(terrane_store::jobs::renew_overdue(tx, soon, until).await?)
            })
        })
        .await
}
