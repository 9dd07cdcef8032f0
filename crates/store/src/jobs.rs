//! Rows of jobs: claimed by conditional UPDATE, held by lease and fencing number.

use terrane_domain::ids::{JobId, RunId, RunnerId};
use terrane_domain::jobs::JobRecord;
use terrane_domain::runner_protocol::{Phase, StopRequest};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::wake::Topic;

record!(JobRecord, "jobs", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14", {
    id, organization_id, run_id, phase, status, runner_id, fence, lease_until, attempts, admitted_at, stop,
    preferred_runner_id, preferred_until, created_at
});

statements! {
    INSERT: JobRecord = insert;
    BY_ID: JobRecord = select "WHERE id = $1";
    OF_RUN: JobRecord = select "WHERE run_id = $1 AND phase = $2";
    // SQLite takes the index of open jobs only where its very condition is repeated. $2: now. A job that prefers another runner is left to it until its time is over.
    NEXT: JobRecord = select "WHERE status <> 'done' AND status = 'queued' AND (preferred_runner_id IS NULL OR preferred_runner_id = $1 OR preferred_until < $2) ORDER BY created_at, id LIMIT 1";
    CLAIM = "UPDATE jobs SET status = 'claimed', runner_id = $2, fence = fence + 1, attempts = attempts + 1, lease_until = $3 WHERE id = $1 AND status = 'queued'";
    REATTACH = "UPDATE jobs SET runner_id = $2, fence = fence + 1, lease_until = $3 WHERE id = $1 AND status = 'claimed'";
    // What was ended by force gets no more time: if its runner does not say so, it counts as lost.
    RENEW = "UPDATE jobs SET lease_until = CASE WHEN stop = 'kill' THEN lease_until ELSE $3 END WHERE id = $1 AND fence = $2 AND status = 'claimed'";
    RENEW_OVERDUE = "UPDATE jobs SET lease_until = $2 WHERE status <> 'done' AND status = 'claimed' AND stop <> 'kill' AND lease_until < $1";
    ADMIT = "UPDATE jobs SET admitted_at = COALESCE(admitted_at, $3), admitted_fence = $2 WHERE id = $1 AND fence = $2 AND status = 'claimed' AND (admitted_at IS NULL OR admitted_fence = $2)";
    DONE = "UPDATE jobs SET status = 'done', lease_until = NULL WHERE id = $1 AND fence = $2 AND status = 'claimed'";
    LOSE = "UPDATE jobs SET status = 'done', lease_until = NULL, fence = fence + 1 WHERE id = $1 AND fence = $2 AND status = 'claimed'";
    // Only a job that is over: who holds one keeps its number.
    RECOVER = "UPDATE jobs SET runner_id = $2, fence = fence + 1 WHERE id = $1 AND fence = $3 AND status = 'done'";
    DROP_QUEUED = "UPDATE jobs SET status = 'done' WHERE run_id = $1 AND status = 'queued'";
    REQUEUE = "UPDATE jobs SET status = 'queued', lease_until = NULL, fence = fence + 1 WHERE id = $1 AND fence = $2 AND status = 'claimed'";
    KILL = "UPDATE jobs SET stop = 'kill', lease_until = $2 WHERE run_id = $1 AND status = 'claimed'";
    STOP = "UPDATE jobs SET stop = $2 WHERE run_id = $1 AND status <> 'done'";
    LOST: JobRecord = select "WHERE status <> 'done' AND status = 'claimed' AND lease_until < $1 ORDER BY lease_until LIMIT 100";
}

/// Inserts a job and wakes waiting runners.
pub async fn insert(tx: &mut Tx, job: &JobRecord) -> Result<(), StoreError> {
    tx.execute(&INSERT, job.values()).await?;
    tx.wake(Topic::Jobs);
    Ok(())
}

/// The job of this id.
pub async fn by_id(tx: &mut Tx, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The job of a run's phase.
pub async fn of_run(tx: &mut Tx, id: &RunId, phase: Phase) -> Result<Option<JobRecord>, StoreError> {
    tx.one(&OF_RUN, values![*id, phase]).await
}

/// The oldest job that `runner_id` may take.
pub async fn next_for(tx: &mut Tx, runner_id: &RunnerId) -> Result<Option<JobRecord>, StoreError> {
    let now = tx.now();
    tx.one(&NEXT, values![*runner_id, now]).await
}

/// Gives a queued job to a runner.
pub async fn claim(tx: &mut Tx, id: &JobId, runner_id: &RunnerId, until: Timestamp) -> Result<bool, StoreError> {
    tx.changed(&CLAIM, values![*id, *runner_id, until]).await
}

/// Gives a claimed job to a runner's next life.
pub async fn reattach(tx: &mut Tx, id: &JobId, runner_id: &RunnerId, until: Timestamp) -> Result<bool, StoreError> {
    tx.changed(&REATTACH, values![*id, *runner_id, until]).await
}

/// Extends a lease.
pub async fn renew(tx: &mut Tx, id: &JobId, fence: i64, until: Timestamp) -> Result<bool, StoreError> {
    tx.changed(&RENEW, values![*id, fence, until]).await
}

/// Extends the leases that end before `moment`.
pub async fn renew_overdue(tx: &mut Tx, moment: Timestamp, until: Timestamp) -> Result<(), StoreError> {
    tx.execute(&RENEW_OVERDUE, values![moment, until]).await.map(drop)
}

/// Admits an apply, once in its life. The claim that was admitted gets the same answer as often as it asks, since its
/// first may have been lost; any other claim, which has another fencing number, is refused.
pub async fn admit(tx: &mut Tx, id: &JobId, fence: i64) -> Result<bool, StoreError> {
    let now = tx.now();
    tx.changed(&ADMIT, values![*id, fence, now]).await
}

/// Ends a job.
pub async fn finish(tx: &mut Tx, id: &JobId, fence: i64) -> Result<bool, StoreError> {
    tx.changed(&DONE, values![*id, fence]).await
}

/// Ends a job whose runner is lost: what that runner still says of it is refused.
pub async fn lose(tx: &mut Tx, id: &JobId, fence: i64) -> Result<bool, StoreError> {
    tx.changed(&LOSE, values![*id, fence]).await
}

/// Lets a runner hand over what it has of a job that is over: what an earlier life of it still says is refused.
pub async fn recover(tx: &mut Tx, id: &JobId, runner_id: &RunnerId, fence: i64) -> Result<bool, StoreError> {
    tx.changed(&RECOVER, values![*id, *runner_id, fence]).await
}

/// Ends a run's jobs that no runner took yet; tells whether there was one.
pub async fn drop_queued(tx: &mut Tx, run_id: &RunId) -> Result<bool, StoreError> {
    Ok(tx.execute(&DROP_QUEUED, values![*run_id]).await? > 0)
}

/// Puts a lost plan back into the queue.
pub async fn requeue(tx: &mut Tx, id: &JobId, fence: i64) -> Result<bool, StoreError> {
    tx.wake(Topic::Jobs);
    tx.changed(&REQUEUE, values![*id, fence]).await
}

/// Asks the run's child to stop.
pub async fn request_stop(tx: &mut Tx, run_id: &RunId, stop: StopRequest) -> Result<(), StoreError> {
    tx.execute(&STOP, values![*run_id, stop]).await.map(drop)
}

/// Asks for the end of the run's child at once, and gives its runner until `until` to say that it is so.
pub async fn kill(tx: &mut Tx, run_id: &RunId, until: Timestamp) -> Result<bool, StoreError> {
    tx.changed(&KILL, values![*run_id, until]).await
}

/// Claimed jobs whose lease ended before `moment`.
pub async fn lost(tx: &mut Tx, moment: Timestamp) -> Result<Vec<JobRecord>, StoreError> {
    tx.all(&LOST, values![moment]).await
}
