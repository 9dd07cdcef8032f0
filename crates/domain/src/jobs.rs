//! Jobs: phases of runs that wait for a runner or are held by one.

use crate::ids::{JobId, OrganizationId, RunId, RunnerId};
use crate::reasons::ReasonCode;
use crate::runner_protocol::{Phase, StopRequest};
use crate::time::Timestamp;

words! {
    /// Status of a job.
    pub enum JobStatus {
        /// Waits for a runner.
        Queued = "queued",
        /// Held by a runner under a lease.
        Claimed = "claimed",
        /// Over.
        Done = "done",
    }
}

/// How often a plan is given to a runner before it counts as failed.
pub const MAX_PLAN_ATTEMPTS: i64 = 2;
/// How often an apply is given to a runner that disappears before it begins.
pub const MAX_APPLY_ATTEMPTS: i64 = 5;

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Identifier.
    pub id: JobId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The run.
    pub run_id: RunId,
    /// Which half of it.
    pub phase: Phase,
    /// Where it stands.
    pub status: JobStatus,
    /// The runner that holds or held it.
    pub runner_id: Option<RunnerId>,
    /// Grows with each claim; calls with an older number are refused.
    pub fence: i64,
    /// Until when the runner holds it.
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: i64,
    /// When the apply was admitted: at most once in its life.
    pub admitted_at: Option<Timestamp>,
    /// What the run's people want of the child.
    pub stop: StopRequest,
    /// The runner that has the plan's folder and should get the apply.
    pub preferred_runner_id: Option<RunnerId>,
    /// Until when it is preferred.
    pub preferred_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl JobRecord {
    /// Whether its runner holds it and has not been heard of for a whole lease.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.status == JobStatus::Claimed && self.lease_until.is_some_and(|until| until < now)
    }

    /// Whether it is given out again after its runner was lost: never once an apply may have begun.
    pub const fn may_repeat(&self) -> bool {
        match (self.stop, self.phase) {
            // Nobody wants it any more.
            (StopRequest::Kill, _) => false,
            (_, Phase::Plan) => self.attempts < MAX_PLAN_ATTEMPTS,
            (_, Phase::Apply) => self.admitted_at.is_none() && self.attempts < MAX_APPLY_ATTEMPTS,
        }
    }

    /// Why its run ends if it is not.
    pub const fn reason_of_loss(&self) -> ReasonCode {
        match self.phase {
            Phase::Plan => ReasonCode::PlanRunnerLost,
            Phase::Apply if self.admitted_at.is_none() => ReasonCode::ApplyRunnerLost,
            Phase::Apply => ReasonCode::RunnerLost,
        }
    }
}
