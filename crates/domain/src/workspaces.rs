//! Workspaces and their lock.

use crate::ids::{
    ConfigurationVersionId, OrganizationId, ProjectId, RunId, StateVersionId, TeamId, UserId, WorkspaceId,
};
use crate::time::Timestamp;

words! {
    /// Where a workspace's runs happen.
    pub enum ExecutionMode {
        /// On runners of this server.
        Remote = "remote",
        /// On the user's own machine; the server keeps the state.
        Local = "local",
        /// On runners of an agent pool.
        Agent = "agent",
    }
}

/// A workspace: one configuration's state, variables and runs.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Where runs happen.
    pub execution_mode: ExecutionMode,
    /// Whether plans are applied without a confirmation.
    pub auto_apply: bool,
    /// Whether destroy plans may be queued.
    pub allow_destroy_plan: bool,
    /// Exact version, constraint, or `latest`.
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
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
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
    /// An apply whose outcome is unknown; only a force-unlock ends it.
    Recovery(RunId),
}

/// Why a lock could not be changed. The texts are those that clients search for
/// (`go-tfe/tfe.go`, the 409 of `actions/unlock`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockConflict {
    /// Locked by anyone, the caller included.
    #[error("Workspace is already locked")]
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
            Self::Recovery(id) => format!("Run {id}, whose apply has an unknown outcome"),
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
