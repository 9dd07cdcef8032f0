//! Workspaces and their lock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engines::EngineKind;
use crate::execution::Execution;
pub use crate::execution::ExecutionMode;
use crate::ids::{
    AgentPoolId, ConfigurationVersionId, OrganizationId, ProjectId, RunId, StateVersionId, TeamId, UserId, WorkspaceId,
};
use crate::invalid::Invalid;
use crate::runs::RunStatus;
use crate::time::Timestamp;

words! {
    /// What made a workspace.
    pub enum WorkspaceSource {
        /// The web pages.
        Ui = "tfe-ui",
        /// A client of the API.
        Api = "tfe-api",
    }
}

words! {
    /// The order of a list of workspaces.
    #[derive(Default)]
    pub enum WorkspaceSort {
        /// Oldest first.
        #[default]
        Age = "created-at",
        /// By name.
        Name = "name",
        /// By name, the last first.
        NameDescending = "-name",
        /// By the age of the current run, the oldest first; without a run last.
        CurrentRun = "current-run.created-at",
        /// By the age of the current run, the newest first; without a run last.
        CurrentRunDescending = "-current-run.created-at",
        /// By the last change, the one longest ago first.
        LatestChange = "latest-change-at",
        /// By the last change, the newest first.
        LatestChangeDescending = "-latest-change-at",
    }
}

/// A workspace: one configuration's state, variables and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, under the API's name for it")]
pub struct Workspace {
    /// Identifier.
    pub id: WorkspaceId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The project.
    pub project_id: ProjectId,
    /// Unique in the organization.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where runs happen; `None` is as the project says.
    pub execution_mode: Option<ExecutionMode>,
    /// The pool whose agents run it; only with an execution mode of its own.
    pub agent_pool_id: Option<AgentPoolId>,
    /// Whether its health is to be assessed.
    pub assessments_enabled: bool,
    /// Whether plans are applied without a confirmation.
    pub auto_apply: bool,
    /// The same for runs that another workspace triggered.
    pub auto_apply_run_trigger: bool,
    /// When everything in it is to be destroyed, if a moment was named.
    pub auto_destroy_at: Option<Timestamp>,
    /// After how long without a change, such as `14d`.
    pub auto_destroy_activity_duration: Option<String>,
    /// Whether the project says that.
    pub inherits_project_auto_destroy: bool,
    /// Whether destroy plans may be queued.
    pub allow_destroy_plan: bool,
    /// Whether only changes in certain folders queue runs.
    pub file_triggers_enabled: bool,
    /// Those folders.
    pub trigger_prefixes: Vec<String>,
    /// Those folders, as patterns.
    pub trigger_patterns: Vec<String>,
    /// Whether every workspace of the organization may read its state.
    pub global_remote_state: bool,
    /// Whether every workspace of the project may.
    pub project_remote_state: bool,
    /// Whether the first run needs nobody to queue it.
    pub queue_all_runs: bool,
    /// What made it.
    pub source: WorkspaceSource,
    /// The maker's name, in its own words.
    pub source_name: Option<String>,
    /// Where to find the maker.
    pub source_url: Option<String>,
    /// Whether proposals of a change are planned.
    pub speculative_enabled: bool,
    /// What plans and applies its runs.
    pub engine: EngineKind,
    /// The engine's exact version, a constraint, or `latest`.
    pub terraform_version: String,
    /// Folder of the root module inside the configuration.
    pub working_directory: String,
    /// Whether logs are lines of JSON that clients render.
    pub structured_run_output_enabled: bool,
    /// Who holds the lock, if anyone.
    pub lock_holder: Option<LockHolder>,
    /// Why it is locked, in the holder's words.
    pub lock_reason: Option<String>,
    /// The run that holds the queue, or the last one that did.
    pub current_run_id: Option<RunId>,
    /// The newest finalized state.
    pub current_state_version_id: Option<StateVersionId>,
    /// The newest configuration that is not provisional, even while its archive has not come.
    pub current_configuration_version_id: Option<ConfigurationVersionId>,
    /// Managed resources in the newest state.
    pub resource_count: i64,
    /// How the newest runs went.
    pub statistics: RunStatistics,
    /// When the settings, the state or the current run last changed.
    pub latest_change_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings or its state last changed.
    pub updated_at: Timestamp,
}

/// How the newest runs of a workspace went, the last [`RunStatistics::RUNS`] that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStatistics {
    /// How many there were.
    #[serde(rename = "workspace-kpis-runs-count")]
    pub runs_count: u32,
    /// How many of them failed.
    pub run_failures: u32,
    /// How many of them failed by a policy.
    pub policy_check_failures: u32,
    /// Milliseconds that a plan took.
    pub plan_duration_average: Option<u64>,
    /// Milliseconds that an apply took.
    pub apply_duration_average: Option<u64>,
}

/// One run that ended, as far as the statistics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedRun {
    /// How it ended.
    pub status: RunStatus,
    /// How long its plan took, if it came to its end.
    pub plan: Option<Duration>,
    /// How long its apply took, if it came to its end.
    pub apply: Option<Duration>,
}

impl RunStatistics {
    /// How many runs are looked at.
    pub const RUNS: usize = 30;

    /// Adds up what is known of the newest runs.
    pub fn of(runs: &[EndedRun]) -> Self {
        let count = |wanted: RunStatus| runs.iter().filter(|run| run.status == wanted).count();
        Self {
            runs_count: number(runs.len()),
            run_failures: number(count(RunStatus::Errored)),
            policy_check_failures: number(count(RunStatus::PolicySoftFailed)),
            plan_duration_average: average(runs.iter().filter_map(|run| run.plan)),
            apply_duration_average: average(runs.iter().filter_map(|run| run.apply)),
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn average(durations: impl Iterator<Item = Duration>) -> Option<u64> {
    let (count, total) = durations.fold((0, Duration::ZERO), |(count, total), one| (count + 1, total + one));
    (count > 0).then(|| u64::try_from((total / count).as_millis()).unwrap_or(u64::MAX))
}

/// Most characters of the reason for a lock.
pub const LONGEST_REASON: usize = 1024;
const LONGEST_DESCRIPTION: usize = 4096;
const LONGEST_PATH: usize = 1024;
const LONGEST_ADDRESS: usize = 2048;
const LONGEST_SOURCE_NAME: usize = 255;
const MOST_TRIGGERS: usize = 200;

impl Workspace {
    /// Whether what people wrote can be kept: lists show all of it with each workspace.
    pub fn check_texts(&self) -> Result<(), Invalid> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Invalid::if_longer("description", &text(&self.description), LONGEST_DESCRIPTION)?;
        Invalid::if_longer("working-directory", &self.working_directory, LONGEST_PATH)?;
        Invalid::if_longer("source-name", &text(&self.source_name), LONGEST_SOURCE_NAME)?;
        Invalid::if_longer("source-url", &text(&self.source_url), LONGEST_ADDRESS)?;
        for (attribute, name, triggers) in [
            ("trigger-prefixes", "Trigger prefixes", &self.trigger_prefixes),
            ("trigger-patterns", "Trigger patterns", &self.trigger_patterns),
        ] {
            if triggers.len() > MOST_TRIGGERS {
                let detail =
                    format!("{name} are too many (maximum is {MOST_TRIGGERS}); name folders above them instead");
                return Err(Invalid::new(attribute, detail));
            }
            if triggers.iter().any(|trigger| trigger.chars().count() > LONGEST_PATH) {
                let detail = format!("{name} has a member that is too long (maximum is {LONGEST_PATH} characters)");
                return Err(Invalid::new(attribute, detail));
            }
        }
        Ok(())
    }
    /// A new workspace with the API's defaults.
    pub const fn new(
        id: WorkspaceId,
        organization_id: OrganizationId,
        project_id: ProjectId,
        name: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            organization_id,
            project_id,
            name,
            description: None,
            execution_mode: None,
            agent_pool_id: None,
            assessments_enabled: false,
            auto_apply: false,
            auto_apply_run_trigger: false,
            auto_destroy_at: None,
            auto_destroy_activity_duration: None,
            inherits_project_auto_destroy: true,
            allow_destroy_plan: true,
            file_triggers_enabled: true,
            trigger_prefixes: Vec::new(),
            trigger_patterns: Vec::new(),
            global_remote_state: false,
            project_remote_state: false,
            queue_all_runs: false,
            source: WorkspaceSource::Api,
            source_name: None,
            source_url: None,
            speculative_enabled: true,
            engine: EngineKind::Terraform,
            terraform_version: String::new(),
            working_directory: String::new(),
            structured_run_output_enabled: true,
            lock_holder: None,
            lock_reason: None,
            current_run_id: None,
            current_state_version_id: None,
            current_configuration_version_id: None,
            resource_count: 0,
            statistics: RunStatistics {
                runs_count: 0,
                run_failures: 0,
                policy_check_failures: 0,
                plan_duration_average: None,
                apply_duration_average: None,
            },
            latest_change_at: now,
            created_at: now,
            updated_at: now,
        }
    }

    /// Where its runs happen, by itself or by its project and organization.
    pub fn execution(&self, inherited: &Execution) -> Execution {
        match self.execution_mode {
            Some(mode) => Execution { mode, agent_pool_id: self.agent_pool_id.clone() },
            None => inherited.clone(),
        }
    }

    /// After how long without a change everything is to be destroyed, and when that is.
    pub fn auto_destroy(&self, of_project: Option<&str>) -> (Option<String>, Option<Timestamp>) {
        let duration = match (self.inherits_project_auto_destroy, &self.auto_destroy_activity_duration) {
            (true, _) => of_project.map(str::to_owned),
            (false, own) => own.clone(),
        };
        let after = duration.as_deref().and_then(activity_duration).map(|length| self.latest_change_at.plus(length));
        (duration, self.auto_destroy_at.or(after))
    }
}

/// What is said of an activity duration that is none.
pub const WRONG_ACTIVITY_DURATION: &str =
    "Auto destroy activity duration has an incorrect format, we expect up to 4 numeric digits and 1 unit ('d' or 'h')";

/// Reads a duration such as `14d` or `6h`.
pub fn activity_duration(text: &str) -> Option<Duration> {
    let hours = match text.as_bytes().last()? {
        b'd' => 24,
        b'h' => 1,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| is_number && !digits.starts_with('0'))?;
    Some(Duration::from_secs(count * hours * 3600))
}

/// A holder of a lock: always a live thing or a recovery that someone must end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LockHolder {
    /// A person.
    User(UserId),
    /// A team, by its token.
    Team(TeamId),
    /// An organization, by its token.
    Organization(OrganizationId),
    /// A run, from the start of its plan to its end.
    Run(RunId),
    /// An apply whose outcome is unknown, or whose state could not be stored: a decision about that state ends it, or a
    /// force-unlock.
    Recovery(RunId),
}

/// Why a lock could not be changed. The texts are those that clients search for
/// (`go-tfe/tfe.go`, the 409 of `actions/unlock`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockConflict {
    /// Locked by anyone, the caller included.
    #[error("Workspace is already locked; wait until it is unlocked, or unlock it first")]
    AlreadyLocked,
    /// Nothing to unlock.
    #[error("Workspace is already unlocked, or locked by a different user")]
    NotLocked,
    /// Another holder's lock.
    #[error(
        "Workspace {name} is locked by {holder}; only that holder may unlock it, or an administrator with force-unlock"
    )]
    HeldByAnother {
        /// The workspace's name.
        name: String,
        /// `Run run-...` or `User NAME`.
        holder: String,
    },
    /// The lock waits for a person's decision.
    #[error(
        "Workspace {workspace} is locked by Run {run_id}, whose apply left the state in doubt. Look at {page} and adopt or discard there the state that it left, or take the lock away by `terraform force-unlock {organization}/{workspace}`"
    )]
    Recovery {
        /// The organization's name.
        organization: String,
        /// The workspace's name.
        workspace: String,
        /// The run.
        run_id: RunId,
        /// The address of the run's page.
        page: String,
    },
    /// A state upload has not arrived yet.
    #[error("The latest state version is still pending; upload it, or wait, before you unlock")]
    StatePending,
}

impl Workspace {
    /// Whether anyone may take the lock now.
    pub fn may_lock(&self) -> Result<(), LockConflict> {
        if self.lock_holder.is_some() { Err(LockConflict::AlreadyLocked) } else { Ok(()) }
    }

    /// Whether `holder` may give the lock back.
    pub fn may_unlock(&self, holder: &LockHolder) -> Result<(), LockConflict> {
        match &self.lock_holder {
            None => Err(LockConflict::NotLocked),
            Some(present) if present == holder => Ok(()),
            Some(present) => Err(LockConflict::HeldByAnother { name: self.name.clone(), holder: present.describe() }),
        }
    }

    /// Whether `holder` holds the lock, as writing a state demands.
    pub fn is_locked_by(&self, holder: &LockHolder) -> bool {
        self.lock_holder.as_ref() == Some(holder)
    }
}

impl LockHolder {
    /// The holder in the words that clients search for.
    pub fn describe(&self) -> String {
        match self {
            Self::User(id) => format!("User {id}"),
            Self::Team(id) => format!("Team {id}"),
            Self::Organization(id) => format!("Organization {id}"),
            Self::Run(id) => format!("Run {id}"),
            Self::Recovery(id) => format!("Run {id}, whose apply left the state in doubt"),
        }
    }
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(formatter, "user:{id}"),
            Self::Team(id) => write!(formatter, "team:{id}"),
            Self::Organization(id) => write!(formatter, "organization:{id}"),
            Self::Run(id) => write!(formatter, "run:{id}"),
            Self::Recovery(id) => write!(formatter, "recovery:{id}"),
        }
    }
}

impl std::str::FromStr for LockHolder {
    type Err = crate::names::UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let holder = match text.split_once(':') {
            Some(("user", id)) => id.parse().ok().map(Self::User),
            Some(("team", id)) => id.parse().ok().map(Self::Team),
            Some(("organization", id)) => id.parse().ok().map(Self::Organization),
            Some(("run", id)) => id.parse().ok().map(Self::Run),
            Some(("recovery", id)) => id.parse().ok().map(Self::Recovery),
            _ => None,
        };
        holder.ok_or_else(|| crate::names::UnknownWord { kind: "LockHolder", word: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_durations_have_a_number_and_a_unit() {
        let hours = |text| activity_duration(text).map(|length| length.as_secs() / 3600);
        let cases = [
            ("14d", Some(14 * 24)),
            ("1h", Some(1)),
            ("9999d", Some(9999 * 24)),
            ("10000d", None),
            ("01d", None),
            ("0h", None),
            ("d", None),
            ("", None),
            ("14", None),
            ("14D", None),
            ("+1d", None),
            ("1 d", None),
            ("\u{661}d", None),
            ("1é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(hours(text), expected, "{text:?}");
        }
    }

    #[test]
    fn statistics_add_up_what_is_known() {
        let millis = |count| Some(Duration::from_millis(count));
        let runs = [
            EndedRun { status: RunStatus::Applied, plan: millis(1000), apply: millis(3000) },
            EndedRun { status: RunStatus::Errored, plan: millis(2001), apply: None },
            EndedRun { status: RunStatus::Canceled, plan: None, apply: None },
        ];
        let statistics = RunStatistics::of(&runs);
        assert_eq!((statistics.runs_count, statistics.run_failures), (3, 1));
        assert_eq!(statistics.plan_duration_average, Some(1500));
        assert_eq!(statistics.apply_duration_average, Some(3000));
        assert_eq!(RunStatistics::of(&[]), RunStatistics::default());
    }
}
