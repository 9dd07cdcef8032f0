//! Errored states: what an apply left that did not become a state of its workspace, until someone has decided about it.
//!
//! Source: `api-docs/applies.mdx`, "Recover a failed state upload after applying".

use crate::ids::{OrganizationId, RunId};
use crate::jobs::{JobRecord, JobStatus};
use crate::runner_protocol::Phase;
use crate::runs::RunStatus;
use crate::time::Timestamp;
use crate::workspaces::LockHolder;

words! {
    /// What someone decided.
    pub enum Resolution {
        /// It became a state of the workspace.
        Adopted = "adopted",
        /// The workspace goes on with the state that it has.
        Discarded = "discarded",
    }
}

/// The state that a run's apply left; its bytes lie in a blob, and stay there whatever is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErroredState {
    /// The run; it has one at most.
    pub run_id: RunId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its serial; none if it cannot be read.
    pub serial: Option<i64>,
    /// Its lineage; empty if it cannot be read.
    pub lineage: String,
    /// MD5 of the bytes, in hexadecimal.
    pub md5: String,
    /// Bytes.
    pub size: i64,
    /// Where they lie.
    pub blob: String,
    /// What was decided, once someone has.
    pub resolution: Option<Resolution>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// When it came.
    pub created_at: Timestamp,
}

/// Whether a runner may hand over what the job's apply left: while it holds the job, and once the run has ended without
/// it. A run that was applied has delivered everything.
pub const fn may_be_left(job: &JobRecord, run: RunStatus) -> bool {
    let is_admitted = matches!(job.phase, Phase::Apply) && job.admitted_at.is_some();
    let is_open = match job.status {
        JobStatus::Queued => false,
        JobStatus::Claimed => true,
        JobStatus::Done => matches!(run, RunStatus::Errored | RunStatus::Canceled),
    };
    is_admitted && is_open
}

/// Whether the state that `run_id` left may become the workspace's while the lock is so. `own` is the lock that the
/// caller would take.
pub fn may_be_adopted(run_id: &RunId, lock: Option<&LockHolder>, own: &LockHolder) -> bool {
    match lock {
        None => true,
        Some(LockHolder::Recovery(id)) => id == run_id,
        Some(holder) => holder == own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{JobId, UserId};
    use crate::runner_protocol::StopRequest;

    fn job(phase: Phase, status: JobStatus, is_admitted: bool) -> JobRecord {
        let now = Timestamp::from_micros(0);
        JobRecord {
            id: JobId::from_entropy(1),
            organization_id: OrganizationId::from_entropy(1),
            run_id: RunId::from_entropy(1),
            phase,
            status,
            runner_id: None,
            fence: 1,
            lease_until: None,
            attempts: 1,
            admitted_at: is_admitted.then_some(now),
            stop: StopRequest::None,
            preferred_runner_id: None,
            preferred_until: None,
            created_at: now,
        }
    }

    #[test]
    fn only_an_apply_that_may_have_begun_and_did_not_end_well_leaves_a_state() {
        use {JobStatus as Job, RunStatus as Run};
        let table = [
            (Phase::Apply, Job::Claimed, true, Run::Applying, true),
            (Phase::Apply, Job::Done, true, Run::Errored, true),
            (Phase::Apply, Job::Done, true, Run::Canceled, true),
            (Phase::Apply, Job::Done, true, Run::Applied, false),
            (Phase::Apply, Job::Done, false, Run::Errored, false),
            (Phase::Apply, Job::Claimed, false, Run::Applying, false),
            (Phase::Apply, Job::Queued, false, Run::ApplyQueued, false),
            (Phase::Plan, Job::Claimed, false, Run::Planning, false),
            (Phase::Plan, Job::Done, false, Run::Errored, false),
        ];
        for (phase, status, is_admitted, run, expected) in table {
            let found = may_be_left(&job(phase, status, is_admitted), run);
            assert_eq!(found, expected, "{phase}, {status}, admitted: {is_admitted}, {run}");
        }
    }

    #[test]
    fn anothers_lock_keeps_a_state_from_being_adopted() {
        let (run, other) = (RunId::from_entropy(1), RunId::from_entropy(2));
        let (own, strange) = (LockHolder::User(UserId::from_entropy(1)), LockHolder::User(UserId::from_entropy(2)));
        let table = [
            (None, true),
            (Some(LockHolder::Recovery(run.clone())), true),
            (Some(own.clone()), true),
            (Some(LockHolder::Recovery(other.clone())), false),
            (Some(LockHolder::Run(other)), false),
            (Some(LockHolder::Run(run.clone())), false),
            (Some(strange), false),
        ];
        for (lock, expected) in table {
            assert_eq!(may_be_adopted(&run, lock.as_ref(), &own), expected, "{lock:?}");
        }
    }
}
