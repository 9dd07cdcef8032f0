//! What runners ask of the server: claim, renew, log, state, plan, finish. The wire form is
//! `terrane_domain::runner_protocol`.
//!
//! A plan is delivered at least once, an apply at most once, a state exactly once by effect. Every call after the
//! claim carries the job's fencing number; a call from a lost lease is refused.

mod claim;
mod finish;
mod inputs;
mod lease;
mod lost;
mod results;

use terrane_domain::access::{Caller, CredentialKind};
use terrane_domain::ids::JobId;
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::runner_protocol::{Refusal, RefusalCode};
use terrane_domain::runs::{Run, RunPhase};
use terrane_store::Tx;

use crate::{AppError, AppResult};

pub(crate) use claim::spool_key;
pub use claim::{claim, reattach};
pub use finish::finish;
pub use inputs::{JobInput, input};
pub use lease::{admit, renew};
pub(crate) use lost::renew_overdue;
pub use lost::sweep_lost;
pub use results::{append_log, put_plan_document, put_state};

/// Only runners have jobs.
pub(crate) fn require_runner(caller: &Caller) -> AppResult<()> {
    if caller.kind == CredentialKind::RunnerPool { Ok(()) } else { Err(AppError::NotFound) }
}

pub(crate) fn refused(code: RefusalCode, message: &str) -> AppError {
    AppError::Refused(Refusal { code, message: message.to_owned(), offset: None })
}

pub(crate) fn lease_lost() -> AppError {
    refused(RefusalCode::LeaseLost, "this job is no longer yours; stop its child and drop it")
}

/// The job, if the caller's fencing number is the newest. What a call then writes below the workspace is the job's only if
/// the workspace was held before: until then the job can be taken away.
async fn held(tx: &mut Tx, id: &JobId, fence: i64) -> AppResult<(JobRecord, Run, RunPhase)> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if job.fence != fence || job.status != JobStatus::Claimed {
        return Err(lease_lost());
    }
    let run = terrane_store::runs::by_id(tx, &job.run_id).await?.ok_or(AppError::NotFound)?;
    let phase = terrane_store::runs::phase(tx, &job.run_id, job.phase).await?.ok_or(AppError::NotFound)?;
    Ok((job, run, phase))
}

/// Holds the workspace of a job's run, before a row below it is written: who deletes the workspace, or ends its runs,
/// takes the rows in this order too, and neither waits for the other. `false` if the run is gone.
pub(crate) async fn hold_workspace(tx: &mut Tx, job: &JobRecord) -> AppResult<bool> {
    let Some(run) = terrane_store::runs::by_id(tx, &job.run_id).await? else { return Ok(false) };
    terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
    Ok(true)
}
