//! Workspaces and their lock.

use crate::ids::{OrganizationId, ProjectId, RunId, StateVersionId, UserId, WorkspaceId};
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
    pub lock: Option<Lock>,
    /// The run that holds the queue, or the last one that did.
    pub current_run_id: Option<RunId>,
    /// The newest finalized state.
    pub current_state_version_id: Option<StateVersionId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Who holds a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The holder.
    pub holder: LockHolder,
    /// Why, in the holder's words.
    pub reason: String,
}

/// A holder of a lock: always a live thing or a recovery that someone must end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LockHolder {
    /// A person.
    User(UserId),
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
    /// Whether `holder` may take the lock.
    pub fn lock_by(&self, holder: LockHolder, reason: String) -> Result<Lock, LockConflict> {
        if self.lock.is_some() { Err(LockConflict::AlreadyLocked) } else { Ok(Lock { holder, reason }) }
    }

    /// Whether `holder` may give the lock back.
    pub fn unlock_by(&self, holder: &LockHolder) -> Result<(), LockConflict> {
        match &self.lock {
            None => Err(LockConflict::NotLocked),
            Some(lock) if lock.holder == *holder => Ok(()),
            Some(lock) => Err(LockConflict::HeldByAnother { name: self.name.clone(), holder: lock.holder.to_string() }),
        }
    }

    /// Whether `user` holds the lock, as writing a state demands.
    pub fn is_locked_by(&self, holder: &LockHolder) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.holder == *holder)
    }
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(formatter, "User {id}"),
            Self::Run(id) => write!(formatter, "Run {id}"),
            Self::Recovery(id) => write!(formatter, "Run {id}, whose apply has an unknown outcome"),
        }
    }
}
