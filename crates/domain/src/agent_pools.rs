//! Agent pools. Source: `api-docs/agents.mdx`.

use crate::ids::{AgentPoolId, OrganizationId, ProjectId, WorkspaceId};
use crate::time::Timestamp;

/// A group of agents, and which workspaces may give them work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPool {
    /// Identifier.
    pub id: AgentPoolId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Letters, digits, `-`, `_`; unique in the organization.
    pub name: String,
    /// Whether every workspace of the organization may use it.
    pub organization_scoped: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The single things that a pool admits or keeps out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentPoolScope {
    /// Workspaces that may use it, beside those of its projects.
    pub allowed_workspaces: Vec<WorkspaceId>,
    /// Projects whose workspaces may use it.
    pub allowed_projects: Vec<ProjectId>,
    /// Workspaces that may not, whatever else is said.
    pub excluded_workspaces: Vec<WorkspaceId>,
}

impl AgentPool {
    /// Whether a project's workspaces may use the pool.
    pub fn admits_project(&self, scope: &AgentPoolScope, project_id: &ProjectId) -> bool {
        self.organization_scoped || scope.allowed_projects.contains(project_id)
    }

    /// Whether a workspace may use the pool.
    pub fn admits_workspace(&self, scope: &AgentPoolScope, id: &WorkspaceId, project_id: &ProjectId) -> bool {
        !scope.excluded_workspaces.contains(id)
            && (self.admits_project(scope, project_id) || scope.allowed_workspaces.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_admits_by_organization_project_or_workspace_unless_it_excludes() {
        let (workspace, project) = (WorkspaceId::from_entropy(1), ProjectId::from_entropy(2));
        for (organization_scoped, by_project, by_workspace, is_excluded, is_admitted) in [
            (false, false, false, false, false),
            (true, false, false, false, true),
            (false, true, false, false, true),
            (false, false, true, false, true),
            (true, true, true, true, false),
        ] {
            let pool = AgentPool {
                id: AgentPoolId::from_entropy(3),
                organization_id: OrganizationId::from_entropy(4),
                name: "pool".to_owned(),
                organization_scoped,
                created_at: Timestamp::from_micros(0),
            };
            let scope = AgentPoolScope {
                allowed_workspaces: by_workspace.then(|| workspace.clone()).into_iter().collect(),
                allowed_projects: by_project.then(|| project.clone()).into_iter().collect(),
                excluded_workspaces: is_excluded.then(|| workspace.clone()).into_iter().collect(),
            };
            assert_eq!(pool.admits_workspace(&scope, &workspace, &project), is_admitted, "{scope:?}");
        }
    }
}
