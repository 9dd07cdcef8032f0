//! Wire types of `/api/runner/v1`, the one protocol between a server and its runners.
//!
//! Every call after the claim names the job in its path and carries the job's fencing number, as a member
//! `fence` or, where the body is raw bytes, as a query parameter. A call with a number that is not the newest is
//! answered 409 with the code [`RefusalCode::LeaseLost`]: the caller must stop its child and drop the job.
//!
//! | call | body | answer |
//! | --- | --- | --- |
//! | `POST jobs/claim` | [`ClaimRequest`] | 200 [`Job`], or 204 after at most 20 s without work |
//! | `POST jobs/{id}/reattach` | [`ReattachRequest`] | 200 [`Job`] with a new fence, 409 when nobody holds the job any more |
//! | `POST jobs/{id}/admit` | [`Fenced`] | 204 once in the life of an apply, before its child starts; 409 the second time |
//! | `POST jobs/{id}/renew` | [`Fenced`] | 200 [`Lease`] |
//! | `GET jobs/{id}/configuration?fence=`, `.../state?fence=`, `.../plan?fence=` | | 200 raw bytes; 204 where there is none; 409 [`RefusalCode::InputUnreadable`] where there should be one |
//! | `PUT jobs/{id}/log?fence=&offset=` | raw bytes | 200 [`LogPosition`]; bytes already stored are taken again without effect |
//! | `PUT jobs/{id}/state?fence=` | raw state | 204; the same serial with the same bytes again is 204, with others 409 |
//! | `POST jobs/{id}/recover` | [`RecoverRequest`] | 200 [`LostJob`] with a new fence, for an apply that the caller lost; 409 where nothing is wanted of it |
//! | `PUT jobs/{id}/errored-state?fence=` | raw state | 204: kept for people to decide about; the same bytes again are 204, others 409 |
//! | `PUT jobs/{id}/plan?fence=` | the saved plan | 204 |
//! | `PUT jobs/{id}/json-plan?fence=`, `.../redacted-plan?fence=` | JSON | 204 |
//! | `POST jobs/{id}/finish` | [`Finish`] | 204; the same again is 204 |
//!
//! Authentication: the runner's own token as a bearer token.

use serde::{Deserialize, Serialize};

use crate::engines::EngineKind;
use crate::ids::{JobId, OrganizationId, RunId, RunnerId, WorkspaceId};
use crate::reasons::ReasonCode;
use crate::runs::PlanOptions;

/// Seconds for which a claim or a renewal keeps a job for its runner.
pub const LEASE_SECONDS: u64 = 30;
/// Seconds between two renewals.
pub const RENEW_SECONDS: u64 = 5;
/// Seconds without a successful renewal after which a runner must not start anything for the job.
pub const STOP_STARTING_SECONDS: u64 = 20;
/// First byte of every log.
pub const STX: u8 = 0x02;
/// Last byte of every complete log, which the server adds.
pub const ETX: u8 = 0x03;
/// The largest piece of log that one call may carry, in bytes.
pub const LOG_CHUNK_BYTES: usize = 64 * 1024;

words! {
    /// Which half of a run a job is.
    pub enum Phase {
        /// `terraform plan`, and everything before it.
        Plan = "plan",
        /// `terraform apply` of a saved plan.
        Apply = "apply",
    }
}

words! {
    /// How the child's output is shown.
    pub enum LogFormat {
        /// Lines of `terraform -json`, for clients that render them.
        Structured = "structured",
        /// Text as terraform prints it to a terminal.
        Text = "text",
    }
}

words! {
    /// How far a run is kept from the machine that works for it. A runner has one level for all its runs, as long as it
    /// lives.
    pub enum SandboxLevel {
        /// Not at all: a run may do what its runner may do. Only where somebody wanted it so.
        L0 = "L0",
        /// What a runner without privileges can do: system calls are filtered, limits watched, and namespaces, Landlock or
        /// both hide what is not the run's.
        L1 = "L1",
        /// All of that, a user of its own for each run, and limits held by the kernel for the run as a whole.
        L2 = "L2",
    }
}

words! {
    /// Why the server refuses a call; the member `code` of the error answer.
    pub enum RefusalCode {
        /// The job has a newer fencing number, or is no longer the caller's.
        LeaseLost = "lease-lost",
        /// The apply was admitted before; its outcome must be reported, not repeated.
        AlreadyAdmitted = "already-admitted",
        /// The log piece starts behind or beyond what is stored.
        LogGap = "log-gap",
        /// What is asked for is stored, but missing or damaged there.
        InputUnreadable = "input-unreadable",
        /// Another state is stored under this serial.
        StateConflict = "state-conflict",
    }
}

words! {
    /// What the run's people want of the child.
    pub enum StopRequest {
        /// Nothing: go on.
        None = "none",
        /// End in order: one SIGINT, state saved.
        Interrupt = "interrupt",
        /// End at once: SIGKILL of the whole process tree.
        Kill = "kill",
    }
}

/// Asks for one job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Chosen by the runner at its start and kept while it lives.
    pub runner_id: RunnerId,
    /// For people, for example the host's name.
    pub name: String,
    /// The sandbox that the job will have.
    pub sandbox_level: SandboxLevel,
}

/// Takes a job up again after a restart of the runner, whose id is a new one: that the job is its own, the server takes
/// from its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReattachRequest {
    /// The caller's present id.
    pub runner_id: RunnerId,
    /// The sandbox that the job will have from now on.
    pub sandbox_level: SandboxLevel,
}

/// Asks for what it takes to hand over the state of an apply that is no longer the caller's. As for a job that is taken up
/// again, that it was the caller's, the server takes from its token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoverRequest {
    /// The caller's present id.
    pub runner_id: RunnerId,
}

/// An apply that ended without its runner.
#[derive(Clone, Serialize, Deserialize)]
pub struct LostJob {
    /// The fencing number with which its state can be handed over, and nothing else.
    pub fence: i64,
    /// 32 bytes in hexadecimal that seal the runner's spool for this job.
    pub spool_key: String,
}

/// A call that carries nothing but its fencing number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fenced {
    /// The job's fencing number as the caller knows it.
    pub fence: i64,
}

/// The state of a lease after its renewal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lease {
    /// What the child should do.
    pub stop: StopRequest,
}

/// Where the next piece of log goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogPosition {
    /// Bytes of this phase's log that are stored durably, STX included.
    pub offset: u64,
}

/// A variable of the run, with its value.
#[derive(Clone, Serialize, Deserialize)]
pub struct JobVariable {
    /// Name, without `TF_VAR_`.
    pub key: String,
    /// The value; an HCL expression if `hcl`, else a string as it stands.
    pub value: String,
    /// Whether the value is an expression.
    pub hcl: bool,
    /// Whether the value must not be shown.
    pub sensitive: bool,
}

/// One phase of one run, with all that the runner must know to do it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// Grows with each claim and each re-attachment; see the module's head.
    pub fence: i64,
    /// Plan or apply.
    pub phase: Phase,
    /// Whether this apply was admitted before (only after a re-attachment).
    pub admitted: bool,
    /// The run.
    pub run_id: RunId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// The workspace's name: `TF_WORKSPACE`.
    pub workspace_name: String,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The organization's name.
    pub organization_name: String,
    /// The project's name.
    pub project_name: String,
    /// Folder of the root module inside the configuration; empty for its top.
    pub working_directory: String,
    /// The wanted engine.
    pub engine: EngineKind,
    /// The wanted engine version: exact, a constraint, or `latest`.
    pub terraform_version: String,
    /// How the log is written.
    pub log_format: LogFormat,
    /// Flags of the plan.
    pub options: PlanOptions,
    /// Variables of category `terraform`, the workspace's and the run's own, already merged.
    pub variables: Vec<JobVariable>,
    /// Variables of category `env`.
    pub environment: Vec<JobVariable>,
    /// What clients reach the server by, for the run's own CLI configuration; without a slash at the end.
    pub public_url: String,
    /// The run's own token: for its state and for those that others share with its workspace, while this phase runs.
    pub token: String,
    /// 32 bytes in hexadecimal that seal the runner's spool for this job.
    pub spool_key: String,
    /// Bytes of this phase's log that the server already holds (more than 0 only after a re-attachment).
    pub log_offset: u64,
}

/// Counts of the plan or of the apply, as in terraform's `change_summary`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// Resources added.
    pub additions: i64,
    /// Resources changed in place.
    pub changes: i64,
    /// Resources destroyed.
    pub destructions: i64,
    /// Resources imported.
    pub imports: i64,
}

words! {
    /// How a phase ended.
    pub enum Outcome {
        /// The child succeeded.
        Finished = "finished",
        /// It failed; the reason says how.
        Errored = "errored",
        /// It was interrupted or killed on request.
        Canceled = "canceled",
    }
}

/// Ends a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finish {
    /// The job's fencing number.
    pub fence: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for everything but `finished`.
    pub reason: Option<ReasonCode>,
    /// A sentence for people: what, why, what next.
    pub message: Option<String>,
    /// Exact length of the phase's log as the runner wrote it (STX included, ETX excluded); the server adds ETX.
    pub log_length: u64,
    /// Whether there is anything to apply: `-detailed-exitcode`, or changed outputs. False for an apply.
    pub has_changes: bool,
    /// Counts of the phase.
    pub counts: ChangeCounts,
    /// Whether the plan wrote configuration for what it imports.
    #[serde(default)]
    pub generated_configuration: bool,
}

/// An error answer of the runner protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refusal {
    /// For the program.
    pub code: RefusalCode,
    /// For the runner's log.
    pub message: String,
    /// For [`RefusalCode::LogGap`]: what the server holds.
    pub offset: Option<u64>,
}
