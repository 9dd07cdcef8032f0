//! Levels of access: to one workspace, and to a project with all its workspaces. Levels add up; the highest wins.
//!
//! Source: `users-teams-organizations/permissions.mdx`, `api-docs/team-access.mdx`, `api-docs/project-team-access.mdx`.

use serde::{Deserialize, Serialize};

words! {
    /// What may be done with runs. Whoever may anything in a workspace reads its runs.
    pub enum RunsAccess {
        /// See them.
        Read = "read",
        /// Queue plans, comment.
        Plan = "plan",
        /// Confirm, discard, cancel.
        Apply = "apply",
    }
}

words! {
    /// What may be done with variables, or with variable sets.
    pub enum VariablesAccess {
        /// Nothing.
        None = "none",
        /// See them; never sensitive values.
        Read = "read",
        /// Change them.
        Write = "write",
    }
}

words! {
    /// What may be done with states.
    pub enum StateVersionsAccess {
        /// Nothing.
        None = "none",
        /// See the outputs of the newest.
        ReadOutputs = "read-outputs",
        /// See whole states.
        Read = "read",
        /// Make new ones.
        Write = "write",
    }
}

words! {
    /// What may be done with mock data for Sentinel.
    pub enum SentinelMocksAccess {
        /// Nothing.
        None = "none",
        /// Download it.
        Read = "read",
    }
}

words! {
    /// What may be done with a project itself.
    pub enum SettingsAccess {
        /// See it.
        Read = "read",
        /// Change it.
        Update = "update",
        /// Change and delete it.
        Delete = "delete",
    }
}

words! {
    /// What may be done with the teams of a project.
    pub enum TeamsAccess {
        /// Nothing.
        None = "none",
        /// See their access.
        Read = "read",
        /// Change it.
        Manage = "manage",
    }
}

words! {
    /// A team's access to a workspace: a fixed set, or one of its own.
    pub enum WorkspaceAccessLevel {
        /// Runs, variables and states are read.
        Read = "read",
        /// Plans are queued too.
        Plan = "plan",
        /// Runs are applied, variables and states written, locks taken.
        Write = "write",
        /// Everything.
        Admin = "admin",
        /// What is set one by one.
        Custom = "custom",
    }
}

words! {
    /// A team's access to a project: a fixed set, or one of its own.
    pub enum ProjectAccessLevel {
        /// The project and its workspaces are read.
        Read = "read",
        /// Its workspaces are written to.
        Write = "write",
        /// Its workspaces are made, administered and deleted.
        Maintain = "maintain",
        /// Everything, its teams included.
        Admin = "admin",
        /// What is set one by one.
        Custom = "custom",
    }
}

/// What may be done in one workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WorkspacePermissions {
    /// Runs.
    pub runs: RunsAccess,
    /// Variables.
    pub variables: VariablesAccess,
    /// States.
    pub state_versions: StateVersionsAccess,
    /// Sentinel mocks.
    pub sentinel_mocks: SentinelMocksAccess,
    /// Locking and unlocking.
    pub locking: bool,
    /// Attaching run tasks.
    pub run_tasks: bool,
    /// All that has no level of its own: settings, team access, deletion, force-unlock, force-cancel, plan JSON.
    pub admin: bool,
}

impl WorkspacePermissions {
    /// What `custom` starts with, and the least that anyone with access has.
    pub const CUSTOM: Self = Self {
        runs: RunsAccess::Read,
        variables: VariablesAccess::None,
        state_versions: StateVersionsAccess::None,
        sentinel_mocks: SentinelMocksAccess::None,
        locking: false,
        run_tasks: false,
        admin: false,
    };
    const READ: Self =
        Self { variables: VariablesAccess::Read, state_versions: StateVersionsAccess::Read, ..Self::CUSTOM };
    const WRITE: Self = Self {
        runs: RunsAccess::Apply,
        variables: VariablesAccess::Write,
        state_versions: StateVersionsAccess::Write,
        sentinel_mocks: SentinelMocksAccess::Read,
        locking: true,
        ..Self::CUSTOM
    };
    const ADMIN: Self = Self { run_tasks: true, admin: true, ..Self::WRITE };

    /// A fixed set; for `custom`, its defaults.
    pub const fn of(level: WorkspaceAccessLevel) -> Self {
        match level {
            WorkspaceAccessLevel::Read => Self::READ,
            WorkspaceAccessLevel::Plan => Self { runs: RunsAccess::Plan, ..Self::READ },
            WorkspaceAccessLevel::Write => Self::WRITE,
            WorkspaceAccessLevel::Admin => Self::ADMIN,
            WorkspaceAccessLevel::Custom => Self::CUSTOM,
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            runs: self.runs.max(other.runs),
            variables: self.variables.max(other.variables),
            state_versions: self.state_versions.max(other.state_versions),
            sentinel_mocks: self.sentinel_mocks.max(other.sentinel_mocks),
            locking: self.locking || other.locking,
            run_tasks: self.run_tasks || other.run_tasks,
            admin: self.admin || other.admin,
        }
    }
}

/// What may be done with one project and in all its workspaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProjectPermissions {
    /// The project itself.
    pub settings: SettingsAccess,
    /// Its teams.
    pub teams: TeamsAccess,
    /// Variable sets that it owns.
    pub variable_sets: VariablesAccess,
    /// Each of its workspaces.
    pub workspaces: WorkspacePermissions,
    /// Making workspaces in it.
    pub create: bool,
    /// Deleting them.
    pub delete: bool,
    /// Moving them in and out.
    pub r#move: bool,
}

impl ProjectPermissions {
    /// What `custom` starts with, and the least that anyone with access has.
    pub const CUSTOM: Self = Self {
        settings: SettingsAccess::Read,
        teams: TeamsAccess::None,
        variable_sets: VariablesAccess::None,
        workspaces: WorkspacePermissions::CUSTOM,
        create: false,
        delete: false,
        r#move: false,
    };

    /// A fixed set; for `custom`, its defaults.
    pub const fn of(level: ProjectAccessLevel) -> Self {
        match level {
            ProjectAccessLevel::Custom => Self::CUSTOM,
            ProjectAccessLevel::Read => Self {
                variable_sets: VariablesAccess::Read,
                workspaces: WorkspacePermissions::of(WorkspaceAccessLevel::Read),
                ..Self::CUSTOM
            },
            ProjectAccessLevel::Write => Self {
                variable_sets: VariablesAccess::Write,
                workspaces: WorkspacePermissions::of(WorkspaceAccessLevel::Write),
                ..Self::CUSTOM
            },
            ProjectAccessLevel::Maintain => Self {
                variable_sets: VariablesAccess::Write,
                workspaces: WorkspacePermissions::of(WorkspaceAccessLevel::Admin),
                create: true,
                delete: true,
                ..Self::CUSTOM
            },
            ProjectAccessLevel::Admin => Self {
                settings: SettingsAccess::Delete,
                teams: TeamsAccess::Manage,
                variable_sets: VariablesAccess::Write,
                workspaces: WorkspacePermissions::of(WorkspaceAccessLevel::Admin),
                create: true,
                delete: true,
                r#move: true,
            },
        }
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            settings: self.settings.max(other.settings),
            teams: self.teams.max(other.teams),
            variable_sets: self.variable_sets.max(other.variable_sets),
            workspaces: self.workspaces.with(other.workspaces),
            create: self.create || other.create,
            delete: self.delete || other.delete,
            r#move: self.r#move || other.r#move,
        }
    }
}
