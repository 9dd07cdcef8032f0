//! Access of teams to workspaces and projects.

use crate::access::{ProjectAccessLevel, ProjectPermissions, WorkspaceAccessLevel, WorkspacePermissions};
use crate::ids::{OrganizationId, ProjectId, TeamId, TeamProjectId, TeamWorkspaceId, WorkspaceId};

/// A team's access to a workspace: `team-workspaces`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamWorkspace {
    /// Identifier.
    pub id: TeamWorkspaceId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The team.
    pub team_id: TeamId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// A fixed set, or `custom`.
    pub access: WorkspaceAccessLevel,
    /// What `custom` means here; otherwise nothing.
    pub custom: Option<WorkspacePermissions>,
}

/// A team's access to a project: `team-projects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamProject {
    /// Identifier.
    pub id: TeamProjectId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The team.
    pub team_id: TeamId,
    /// The project.
    pub project_id: ProjectId,
    /// A fixed set, or `custom`.
    pub access: ProjectAccessLevel,
    /// What `custom` means here; otherwise nothing.
    pub custom: Option<ProjectPermissions>,
}

impl TeamWorkspace {
    /// What it comes to.
    pub fn permissions(&self) -> WorkspacePermissions {
        self.custom.unwrap_or(WorkspacePermissions::of(self.access))
    }
}

impl TeamProject {
    /// What it comes to.
    pub fn permissions(&self) -> ProjectPermissions {
        self.custom.unwrap_or(ProjectPermissions::of(self.access))
    }
}
