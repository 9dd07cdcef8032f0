//! Runs: their statuses, the moves between them, and what follows from each.
//!
//! Everything that asks "may this run ...?" asks here; the tables are those of `api-docs/run.mdx` and
//! `run/states.mdx`. Nothing here touches the database: a service reads a status, asks for the next one, and writes
//! it with a conditional UPDATE on the old one.

mod operations;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engines::EngineKind;
use crate::ids::{ApplyId, ConfigurationVersionId, OrganizationId, PlanId, RunId, StateVersionId, UserId, WorkspaceId};
use crate::reasons::ReasonCode;
use crate::runner_protocol::{ChangeCounts, LogFormat, Phase, SandboxLevel};
use crate::time::Timestamp;

pub use operations::{RunOperation, RunStatusGroup};

/// How long after a cancel people have to wait until they may end a run by force, unless the server says otherwise.
pub const FORCE_CANCEL_COOL_OFF: Duration = Duration::from_mins(1);
/// How long a saved plan waits for its confirmation.
pub const SAVED_PLAN_LIFE: Duration = Duration::from_hours(4 * 7 * 24);

words! {
    /// Status of a run.
    pub enum RunStatus {
        /// Waits for its turn.
        Pending = "pending",
        /// Its configuration is being fetched from version control.
        Fetching = "fetching",
        /// The configuration is there.
        FetchingCompleted = "fetching_completed",
        /// Tasks before the plan run.
        PrePlanRunning = "pre_plan_running",
        /// Tasks before the plan are done.
        PrePlanCompleted = "pre_plan_completed",
        /// Its turn has come; a plan job is being made.
        Queuing = "queuing",
        /// The plan waits for a runner.
        PlanQueued = "plan_queued",
        /// terraform plans.
        Planning = "planning",
        /// The plan is done; unless something follows by itself, it waits for people.
        Planned = "planned",
        /// Costs are being estimated.
        CostEstimating = "cost_estimating",
        /// Costs are estimated.
        CostEstimated = "cost_estimated",
        /// Policies are being checked.
        PolicyChecking = "policy_checking",
        /// A soft policy failed; someone must override it.
        PolicyOverride = "policy_override",
        /// A soft policy failed in a plan-only run.
        PolicySoftFailed = "policy_soft_failed",
        /// Policies passed or were overridden.
        PolicyChecked = "policy_checked",
        /// Tasks after the plan run.
        PostPlanRunning = "post_plan_running",
        /// Tasks after the plan are done.
        PostPlanCompleted = "post_plan_completed",
        /// A task after the plan wants an override.
        PostPlanAwaitingDecision = "post_plan_awaiting_decision",
        /// Nothing to apply, or plan-only.
        PlannedAndFinished = "planned_and_finished",
        /// A saved plan that waits outside the queue.
        PlannedAndSaved = "planned_and_saved",
        /// Someone, or auto-apply, confirmed it.
        Confirmed = "confirmed",
        /// The apply job is being made.
        QueuingApply = "queuing_apply",
        /// Tasks before the apply run.
        PreApplyRunning = "pre_apply_running",
        /// Tasks before the apply are done.
        PreApplyCompleted = "pre_apply_completed",
        /// The apply waits for a runner.
        ApplyQueued = "apply_queued",
        /// terraform applies.
        Applying = "applying",
        /// Tasks after the apply run.
        PostApplyRunning = "post_apply_running",
        /// Tasks after the apply are done.
        PostApplyCompleted = "post_apply_completed",
        /// Everything was done.
        Applied = "applied",
        /// Someone threw the plan away, or it became stale.
        Discarded = "discarded",
        /// Something failed; the reason code says what.
        Errored = "errored",
        /// Someone cancelled it.
        Canceled = "canceled",
        /// Someone ended it by force.
        ForceCanceled = "force_canceled",
    }
}

use RunStatus as S;

impl RunStatus {
    /// The statuses that may follow this one.
    pub const fn moves(self) -> &'static [Self] {
        match self {
            S::Pending => &[
                S::Fetching,
                S::PrePlanRunning,
                S::Queuing,
                S::PlanQueued,
                S::Discarded,
                S::Canceled,
                S::ForceCanceled,
                S::Errored,
            ],
            S::Fetching => &[S::FetchingCompleted, S::Errored, S::Canceled, S::ForceCanceled],
            S::FetchingCompleted => {
                &[S::PrePlanRunning, S::Queuing, S::PlanQueued, S::Errored, S::Canceled, S::ForceCanceled]
            }
            S::PrePlanRunning => &[S::PrePlanCompleted, S::Errored, S::Canceled, S::ForceCanceled],
            S::PrePlanCompleted => &[S::Queuing, S::PlanQueued, S::Errored, S::Canceled, S::ForceCanceled],
            S::Queuing => &[S::PlanQueued, S::Errored, S::Canceled, S::ForceCanceled],
            S::PlanQueued => &[S::Planning, S::Errored, S::Canceled, S::ForceCanceled],
            // Back to the queue: a plan whose runner disappeared is made again.
            S::Planning => &[
                S::PlanQueued,
                S::Planned,
                S::PostPlanRunning,
                S::CostEstimating,
                S::PolicyChecking,
                S::PlannedAndFinished,
                S::PlannedAndSaved,
                S::Confirmed,
                S::Errored,
                S::Canceled,
                S::ForceCanceled,
            ],
            S::Planned | S::PostPlanCompleted => &[
                S::PostPlanRunning,
                S::CostEstimating,
                S::PolicyChecking,
                S::PlannedAndFinished,
                S::PlannedAndSaved,
                S::Confirmed,
                S::Discarded,
                S::Errored,
                S::Canceled,
                S::ForceCanceled,
            ],
            S::CostEstimating => &[S::CostEstimated, S::Errored, S::Canceled, S::ForceCanceled],
            S::CostEstimated => &[
                S::PolicyChecking,
                S::PlannedAndFinished,
                S::PlannedAndSaved,
                S::Confirmed,
                S::Discarded,
                S::Errored,
                S::Canceled,
                S::ForceCanceled,
            ],
            S::PolicyChecking => {
                &[S::PolicyChecked, S::PolicyOverride, S::PolicySoftFailed, S::Errored, S::Canceled, S::ForceCanceled]
            }
            S::PolicyOverride => &[S::PolicyChecked, S::Discarded, S::Errored, S::Canceled, S::ForceCanceled],
            S::PolicyChecked => &[
                S::PlannedAndFinished,
                S::PlannedAndSaved,
                S::Confirmed,
                S::Discarded,
                S::Errored,
                S::Canceled,
                S::ForceCanceled,
            ],
            S::PostPlanRunning => &[
                S::PostPlanCompleted,
                S::PostPlanAwaitingDecision,
                S::Discarded,
                S::Errored,
                S::Canceled,
                S::ForceCanceled,
            ],
            S::PostPlanAwaitingDecision => {
                &[S::PostPlanCompleted, S::Discarded, S::Errored, S::Canceled, S::ForceCanceled]
            }
            S::PlannedAndSaved => &[S::Confirmed, S::Discarded],
            S::Confirmed => {
                &[S::QueuingApply, S::PreApplyRunning, S::ApplyQueued, S::Errored, S::Canceled, S::ForceCanceled]
            }
            S::QueuingApply => &[S::PreApplyRunning, S::ApplyQueued, S::Errored, S::Canceled, S::ForceCanceled],
            S::PreApplyRunning => &[S::PreApplyCompleted, S::Errored, S::Canceled, S::ForceCanceled],
            S::PreApplyCompleted => &[S::ApplyQueued, S::Errored, S::Canceled, S::ForceCanceled],
            S::ApplyQueued => &[S::Applying, S::Errored, S::Canceled, S::ForceCanceled],
            // Back to the queue: an apply whose runner disappeared before it was admitted has not begun.
            S::Applying => {
                &[S::ApplyQueued, S::PostApplyRunning, S::Applied, S::Errored, S::Canceled, S::ForceCanceled]
            }
            S::PostApplyRunning => &[S::PostApplyCompleted, S::Applied, S::Errored, S::Canceled, S::ForceCanceled],
            S::PostApplyCompleted => &[S::Applied],
            S::PolicySoftFailed
            | S::PlannedAndFinished
            | S::Applied
            | S::Discarded
            | S::Errored
            | S::Canceled
            | S::ForceCanceled => &[],
        }
    }

    /// Whether `next` may follow this status.
    pub fn may_become(self, next: Self) -> bool {
        self.moves().contains(&next)
    }

    /// Whether nothing can follow.
    pub const fn is_final(self) -> bool {
        self.moves().is_empty()
    }

    /// Whether the run waits for its turn or for a runner that plans it.
    pub const fn has_not_begun(self) -> bool {
        matches!(self, S::Pending | S::PlanQueued)
    }

    /// Whether the run waits for a confirmation.
    pub const fn is_confirmable(self) -> bool {
        matches!(self, S::Planned | S::CostEstimated | S::PolicyChecked | S::PostPlanCompleted | S::PlannedAndSaved)
    }

    /// Whether the run may be thrown away.
    pub const fn is_discardable(self) -> bool {
        self.is_confirmable()
            || matches!(self, S::Pending | S::PolicyOverride | S::PostPlanRunning | S::PostPlanAwaitingDecision)
    }

    /// Whether the run may be cancelled: something runs, or is about to.
    pub const fn is_cancelable(self) -> bool {
        !self.is_final()
            && !self.is_confirmable()
            && !matches!(self, S::PolicyOverride | S::PostPlanAwaitingDecision | S::PostApplyCompleted)
    }

    /// The member of `status-timestamps` that says when this status was entered.
    pub fn timestamp_key(self) -> String {
        format!("{}-at", self.as_str().replace('_', "-"))
    }
}

/// What a plan leaves to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanFacts {
    /// The run may never apply.
    pub plan_only: bool,
    /// The plan is kept beside the queue.
    pub save_plan: bool,
    /// There is something to apply.
    pub has_changes: bool,
    /// An empty plan is applied all the same, and asks nobody.
    pub allow_empty_apply: bool,
    /// No confirmation is needed.
    pub auto_apply: bool,
}

/// The status after a successful plan, no task, estimate or policy standing in between.
pub const fn after_plan(facts: PlanFacts) -> RunStatus {
    if facts.plan_only || !(facts.has_changes || facts.allow_empty_apply) {
        S::PlannedAndFinished
    } else if facts.save_plan {
        S::PlannedAndSaved
    } else if facts.auto_apply || !facts.has_changes {
        S::Confirmed
    } else {
        S::Planned
    }
}

words! {
    /// Status of one phase: a plan or an apply.
    pub enum PhaseStatus {
        /// Its turn has not come.
        Pending = "pending",
        /// Waits for a runner.
        Queued = "queued",
        /// terraform runs.
        Running = "running",
        /// Ended well.
        Finished = "finished",
        /// Failed.
        Errored = "errored",
        /// Was cancelled.
        Canceled = "canceled",
        /// Will never be reached.
        Unreachable = "unreachable",
    }
}

impl PhaseStatus {
    /// Whether nothing can follow; a log reader stops at these.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Errored | Self::Canceled | Self::Unreachable)
    }
}

words! {
    /// Who asked for a run, as the API tells it.
    pub enum RunSource {
        /// The API, by go-tfe, a script or the legacy remote backend.
        Api = "tfe-api",
        /// A person in the web pages.
        Ui = "tfe-ui",
        /// An uploaded configuration version.
        ConfigurationVersion = "tfe-configuration-version",
        /// terraform with a `cloud` block.
        TerraformCloud = "terraform+cloud",
        /// Another workspace's apply.
        RunTrigger = "tfe-run-trigger",
    }
}

/// Flags of a plan, as the engine takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    /// `-destroy`.
    pub is_destroy: bool,
    /// False: `-refresh=false`.
    pub refresh: bool,
    /// `-refresh-only`.
    pub refresh_only: bool,
    /// One `-target` each.
    pub target_addrs: Vec<String>,
    /// One `-replace` each.
    pub replace_addrs: Vec<String>,
    /// One `-invoke` each, which terraform knows from 1.14 on.
    #[serde(default)]
    pub invoke_action_addrs: Vec<String>,
    /// `-generate-config-out`.
    pub allow_config_generation: bool,
    /// `TF_LOG=TRACE`.
    pub debugging_mode: bool,
}

/// How a run is to go, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunMode {
    /// It may never apply.
    pub plan_only: bool,
    /// Its plan is kept beside the queue.
    pub save_plan: bool,
    /// An empty plan is applied all the same.
    pub allow_empty_apply: bool,
}

impl RunMode {
    /// What it comes to, together with the plan's flags.
    pub const fn operation(self, options: &PlanOptions) -> RunOperation {
        if self.plan_only {
            RunOperation::PlanOnly
        } else if self.save_plan {
            RunOperation::SavePlan
        } else if options.refresh_only {
            RunOperation::RefreshOnly
        } else if options.is_destroy {
            RunOperation::Destroy
        } else if self.allow_empty_apply {
            RunOperation::EmptyApply
        } else {
            RunOperation::PlanAndApply
        }
    }
}

/// A variable that belongs to one run; its value is an HCL expression.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunVariable {
    /// The variable's name.
    pub key: String,
    /// An HCL literal, for example `"mars"` with its quotes.
    pub value: String,
}

/// Most characters of a run's message: lists show it with each run.
pub const LONGEST_MESSAGE: usize = 16_384;

/// A run: one plan of one configuration, and perhaps its apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Identifier.
    pub id: RunId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The workspace's name, which a plan keeps for its apply; frozen at creation.
    pub workspace_name: String,
    /// Folder of the root module inside the configuration, empty for its top; frozen at creation.
    pub working_directory: String,
    /// The configuration.
    pub configuration_version_id: ConfigurationVersionId,
    /// The plan; exists from the start.
    pub plan_id: PlanId,
    /// The apply; exists from the start.
    pub apply_id: ApplyId,
    /// Where it stands.
    pub status: RunStatus,
    /// When each status was entered: a JSON object from `planned-at` and so on to RFC 3339.
    pub status_timestamps: serde_json::Value,
    /// For people.
    pub message: String,
    /// Who asked for it.
    pub source: RunSource,
    /// The person who queued it.
    pub created_by: Option<UserId>,
    /// The person who confirmed it.
    pub confirmed_by: Option<UserId>,
    /// No confirmation is needed.
    pub auto_apply: bool,
    /// It may never apply.
    pub plan_only: bool,
    /// Its plan is kept beside the queue.
    pub save_plan: bool,
    /// An empty plan is applied all the same.
    pub allow_empty_apply: bool,
    /// What all that comes to.
    pub operation: RunOperation,
    /// The plan's own flags.
    pub options: PlanOptions,
    /// How its logs are written; frozen at creation.
    pub log_format: LogFormat,
    /// What plans and applies it; frozen at creation.
    pub engine: EngineKind,
    /// The wanted engine version; frozen at creation.
    pub terraform_version: String,
    /// The state that the plan was made against; nothing until its plan begins, or if there was none.
    pub input_state_version_id: Option<StateVersionId>,
    /// Whether the plan found something to do.
    pub has_changes: bool,
    /// Why it ended as it did, or why it waits.
    pub reason: Option<ReasonCode>,
    /// The reason in more words than the code has.
    pub reason_message: Option<String>,
    /// When a cancel was asked for.
    pub canceled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Run {
    /// When it may be ended by force: some time after someone asked for its end in order.
    pub fn force_cancel_available_at(&self, cool_off: Duration) -> Option<Timestamp> {
        self.canceled_at.map(|moment| moment.plus(cool_off))
    }

    /// Whether it may be ended by force now.
    pub fn is_force_cancelable(&self, cool_off: Duration, now: Timestamp) -> bool {
        !self.status.is_final() && self.force_cancel_available_at(cool_off).is_some_and(|moment| moment <= now)
    }

    /// Whether the run waits its turn in the workspace's queue, instead of going beside it.
    pub const fn is_queued_in_turn(&self) -> bool {
        !self.plan_only && !self.save_plan
    }

    /// What its finished plan leaves to decide.
    pub const fn plan_facts(&self, has_changes: bool) -> PlanFacts {
        PlanFacts {
            plan_only: self.plan_only,
            save_plan: self.save_plan,
            has_changes,
            allow_empty_apply: self.allow_empty_apply,
            auto_apply: self.auto_apply,
        }
    }
}

/// A plan or an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPhase {
    /// `plan-...` or `apply-...`.
    pub id: String,
    /// The run.
    pub run_id: RunId,
    /// Which half.
    pub phase: Phase,
    /// Where it stands.
    pub status: PhaseStatus,
    /// When each status was entered.
    pub status_timestamps: serde_json::Value,
    /// What it did, or will do.
    pub counts: ChangeCounts,
    /// Bytes of log so far, STX and (at the end) ETX included.
    pub log_length: i64,
    /// Whether the log is complete: its last byte is ETX.
    pub log_ended: bool,
    /// Where the finished log lies.
    pub log_blob: Option<String>,
    /// Where the saved plan lies (plans only).
    pub plan_blob: Option<String>,
    /// Where the plan as JSON lies (plans only).
    pub json_blob: Option<String>,
    /// Where the redacted plan lies (plans only).
    pub redacted_blob: Option<String>,
    /// Whether the plan wrote configuration for what it imports (plans only).
    pub generated_configuration: bool,
    /// The sandbox it is done in, once a runner has taken it.
    pub sandbox_level: Option<SandboxLevel>,
}

impl RunPhase {
    /// How long it took, if it came to its end.
    pub fn duration(&self) -> Option<std::time::Duration> {
        let moment = |key: &str| self.status_timestamps.get(key)?.as_str()?.parse::<Timestamp>().ok();
        Some(moment("finished-at")?.since(moment("started-at")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run() -> Run {
        let mode = RunMode { plan_only: false, save_plan: false, allow_empty_apply: false };
        let options = PlanOptions::default();
        Run {
            id: RunId::from_entropy(1),
            organization_id: OrganizationId::from_entropy(1),
            workspace_id: WorkspaceId::from_entropy(1),
            configuration_version_id: ConfigurationVersionId::from_entropy(1),
            plan_id: PlanId::from_entropy(1),
            apply_id: ApplyId::from_entropy(1),
            workspace_name: String::new(),
            working_directory: String::new(),
            status: S::Pending,
            status_timestamps: serde_json::json!({}),
            message: String::new(),
            source: RunSource::Api,
            created_by: None,
            confirmed_by: None,
            auto_apply: false,
            plan_only: mode.plan_only,
            save_plan: mode.save_plan,
            allow_empty_apply: mode.allow_empty_apply,
            operation: mode.operation(&options),
            options,
            log_format: LogFormat::Text,
            engine: EngineKind::Terraform,
            terraform_version: String::new(),
            input_state_version_id: None,
            has_changes: false,
            reason: None,
            reason_message: None,
            canceled_at: None,
            created_at: Timestamp::from_micros(0),
        }
    }

    fn any_status() -> impl Strategy<Value = RunStatus> {
        proptest::sample::select(RunStatus::ALL)
    }

    /// Every status that can be reached from `start`, itself included.
    fn reachable(start: RunStatus) -> Vec<RunStatus> {
        let mut found = vec![start];
        let mut index = 0;
        while index < found.len() {
            for next in found[index].moves() {
                if !found.contains(next) {
                    found.push(*next);
                }
            }
            index += 1;
        }
        found
    }

    #[test]
    fn every_status_can_be_reached_from_pending() {
        let found = reachable(S::Pending);
        for status in RunStatus::ALL {
            assert!(found.contains(status), "{status}");
        }
    }

    #[test]
    fn every_status_can_come_to_an_end() {
        for status in RunStatus::ALL {
            assert!(reachable(*status).iter().any(|status| status.is_final()), "{status}");
        }
    }

    #[test]
    fn nothing_applies_that_was_not_confirmed() {
        for status in RunStatus::ALL {
            if !matches!(
                status,
                S::Confirmed | S::QueuingApply | S::PreApplyCompleted | S::PreApplyRunning | S::Applying
            ) {
                assert!(!status.may_become(S::ApplyQueued), "{status}");
            }
            assert!(*status == S::ApplyQueued || !status.may_become(S::Applying), "{status}");
        }
    }

    #[test]
    fn an_apply_never_goes_back_to_a_plan() {
        for status in reachable(S::Confirmed) {
            assert!(!matches!(status, S::Planning | S::PlanQueued | S::Planned), "{status}");
        }
    }

    #[test]
    fn a_run_may_be_ended_by_force_once_it_was_asked_to_end_and_did_not() {
        let (cool_off, asked) = (Duration::from_mins(1), Timestamp::from_micros(0));
        for (status, canceled_at, now, may) in [
            (S::Applying, Some(asked), asked.plus(cool_off), true),
            (S::Applying, Some(asked), asked, false),
            (S::Applying, None, asked.plus(cool_off), false),
            (S::Canceled, Some(asked), asked.plus(cool_off), false),
        ] {
            let run = Run { status, canceled_at, ..run() };
            assert_eq!(run.is_force_cancelable(cool_off, now), may, "{status} {canceled_at:?} {now}");
        }
    }

    #[test]
    fn an_empty_plan_that_may_be_applied_asks_nobody() {
        let facts = PlanFacts {
            plan_only: false,
            save_plan: false,
            has_changes: false,
            allow_empty_apply: true,
            auto_apply: false,
        };
        assert_eq!(after_plan(facts), S::Confirmed);
        assert_eq!(after_plan(PlanFacts { has_changes: true, ..facts }), S::Planned);
        assert_eq!(after_plan(PlanFacts { save_plan: true, ..facts }), S::PlannedAndSaved);
    }

    proptest! {
        #[test]
        fn a_final_status_offers_no_action(status in any_status()) {
            if status.is_final() {
                prop_assert!(!status.is_confirmable() && !status.is_discardable() && !status.is_cancelable());
            }
        }

        #[test]
        fn each_offered_action_is_a_move(status in any_status()) {
            if status.is_confirmable() { prop_assert!(status.may_become(S::Confirmed)); }
            if status.is_discardable() { prop_assert!(status.may_become(S::Discarded)); }
            if status.is_cancelable() { prop_assert!(status.may_become(S::Canceled)); }
        }

        #[test]
        fn a_plan_only_run_never_applies(save_plan: bool, has_changes: bool, allow_empty_apply: bool, auto_apply: bool) {
            let facts = PlanFacts { plan_only: true, save_plan, has_changes, allow_empty_apply, auto_apply };
            prop_assert_eq!(after_plan(facts), S::PlannedAndFinished);
        }

        #[test]
        fn a_saved_plan_is_never_applied_by_itself(has_changes: bool, allow_empty_apply: bool, auto_apply: bool) {
            let facts = PlanFacts { plan_only: false, save_plan: true, has_changes, allow_empty_apply, auto_apply };
            prop_assert_ne!(after_plan(facts), S::Confirmed);
        }

        #[test]
        fn what_follows_a_plan_is_a_move_from_planning(
            plan_only: bool, save_plan: bool, has_changes: bool, allow_empty_apply: bool, auto_apply: bool,
        ) {
            let facts = PlanFacts { plan_only, save_plan, has_changes, allow_empty_apply, auto_apply };
            prop_assert!(S::Planning.may_become(after_plan(facts)));
        }
    }
}
