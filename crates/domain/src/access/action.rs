//! Everything that a caller can want to do to an organization or something below it.

words! {
    /// One thing to do, to the target that a [`super::Scope`] names.
    pub enum Action {
        // To an organization.
        /// See the organization and what every member sees.
        ReadOrganization = "read-organization",
        /// Change its settings.
        UpdateOrganization = "update-organization",
        /// Delete it with everything in it.
        DeleteOrganization = "delete-organization",
        /// Make, replace and remove its token.
        ManageOrganizationToken = "manage-organization-token",
        /// See who belongs to it.
        ReadMembership = "read-membership",
        /// Invite people, remove them.
        ManageMembership = "manage-membership",
        /// Make a team.
        CreateTeam = "create-team",
        /// Make a project.
        CreateProject = "create-project",
        /// See agent pools.
        ReadAgentPools = "read-agent-pools",
        /// Make, change and remove agent pools.
        ManageAgentPools = "manage-agent-pools",
        /// Change and remove the tags of the organization, and the reserved keys.
        ManageTags = "manage-tags",

        // To a team.
        /// See a team and its members.
        ReadTeam = "read-team",
        /// Change its name and visibility, delete it.
        UpdateTeam = "update-team",
        /// Change what it may do in the organization.
        UpdateTeamAccess = "update-team-access",
        /// Put people in and out.
        ManageTeamMembers = "manage-team-members",
        /// Make, see and remove its tokens.
        ManageTeamTokens = "manage-team-tokens",

        // To a project.
        /// See it.
        ReadProject = "read-project",
        /// Change its settings.
        UpdateProject = "update-project",
        /// Delete it.
        DeleteProject = "delete-project",
        /// See which teams have access.
        ReadProjectTeams = "read-project-teams",
        /// Change which teams have access.
        ManageProjectTeams = "manage-project-teams",
        /// Make a workspace in it.
        CreateWorkspace = "create-workspace",
        /// Move workspaces in or out.
        MoveWorkspace = "move-workspace",

        // To a workspace.
        /// See a workspace and its runs.
        ReadWorkspace = "read-workspace",
        /// Change a workspace's settings.
        UpdateWorkspace = "update-workspace",
        /// Delete it.
        DeleteWorkspace = "delete-workspace",
        /// See which teams have access.
        ReadWorkspaceTeams = "read-workspace-teams",
        /// Change which teams have access.
        ManageWorkspaceTeams = "manage-workspace-teams",
        /// Attach run tasks.
        ManageWorkspaceRunTasks = "manage-workspace-run-tasks",
        /// Lock it, and give one's own lock back.
        LockWorkspace = "lock-workspace",
        /// Take anyone's lock away.
        ForceUnlockWorkspace = "force-unlock-workspace",
        /// Read variables (never sensitive values).
        ReadVariables = "read-variables",
        /// Write variables.
        WriteVariables = "write-variables",
        /// Upload a configuration, queue a plan, comment.
        QueueRun = "queue-run",
        /// Confirm, discard, cancel.
        ApplyRun = "apply-run",
        /// Cancel without waiting for the engine.
        ForceCancelRun = "force-cancel-run",
        /// Read the plan with its secrets.
        ReadPlanJson = "read-plan-json",
        /// Read outputs.
        ReadStateOutputs = "read-state-outputs",
        /// Read whole states.
        ReadState = "read-state",
        /// Write states.
        WriteState = "write-state",
        /// Decide about the state that a failed apply left, and with it about the lock that waits for the decision.
        ResolveErroredState = "resolve-errored-state",
    }
}

/// The kinds of things that actions are done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// An organization.
    Organization,
    /// A team.
    Team,
    /// A project.
    Project,
    /// A workspace.
    Workspace,
}

impl Action {
    /// To what kind of thing this is done.
    pub const fn target(self) -> TargetKind {
        match self {
            Self::ReadOrganization
            | Self::UpdateOrganization
            | Self::DeleteOrganization
            | Self::ManageOrganizationToken
            | Self::ReadMembership
            | Self::ManageMembership
            | Self::CreateTeam
            | Self::CreateProject
            | Self::ReadAgentPools
            | Self::ManageAgentPools
            | Self::ManageTags => TargetKind::Organization,
            Self::ReadTeam
            | Self::UpdateTeam
            | Self::UpdateTeamAccess
            | Self::ManageTeamMembers
            | Self::ManageTeamTokens => TargetKind::Team,
            Self::ReadProject
            | Self::UpdateProject
            | Self::DeleteProject
            | Self::ReadProjectTeams
            | Self::ManageProjectTeams
            | Self::CreateWorkspace
            | Self::MoveWorkspace => TargetKind::Project,
            Self::ReadWorkspace
            | Self::UpdateWorkspace
            | Self::DeleteWorkspace
            | Self::ReadWorkspaceTeams
            | Self::ManageWorkspaceTeams
            | Self::ManageWorkspaceRunTasks
            | Self::LockWorkspace
            | Self::ForceUnlockWorkspace
            | Self::ReadVariables
            | Self::WriteVariables
            | Self::QueueRun
            | Self::ApplyRun
            | Self::ForceCancelRun
            | Self::ReadPlanJson
            | Self::ReadStateOutputs
            | Self::ReadState
            | Self::WriteState
            | Self::ResolveErroredState => TargetKind::Workspace,
        }
    }
}
