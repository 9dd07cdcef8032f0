//! Access of teams to workspaces and projects.

use serde::Deserialize;

use crate::access::{
    ProjectAccessLevel, ProjectPermissions, RunsAccess, SentinelMocksAccess, SettingsAccess, StateVersionsAccess,
    TeamsAccess, VariablesAccess, WorkspaceAccessLevel, WorkspacePermissions,
};
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

/// An attribute was given that the fixed set decides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is read-only when access level is '{level}'; use the 'custom' access level to set this attribute.")]
pub struct ReadOnly {
    /// The attribute, in a person's words.
    pub name: &'static str,
    /// The fixed set.
    pub level: &'static str,
}

/// What a request says of the rights in a workspace; `None` keeps what is. `admin` comes with a fixed set only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the fields of WorkspacePermissions")]
pub struct WorkspaceChange {
    pub runs: Option<RunsAccess>,
    pub variables: Option<VariablesAccess>,
    pub state_versions: Option<StateVersionsAccess>,
    pub sentinel_mocks: Option<SentinelMocksAccess>,
    pub locking: Option<bool>,
    pub run_tasks: Option<bool>,
}

impl WorkspaceChange {
    /// The first attribute that was given; `locking` is called otherwise in each of the two resources.
    fn given(&self, locking: &'static str) -> Option<&'static str> {
        let given = [
            ("Runs", self.runs.is_some()),
            ("Variables", self.variables.is_some()),
            ("State versions", self.state_versions.is_some()),
            ("Sentinel mocks", self.sentinel_mocks.is_some()),
            (locking, self.locking.is_some()),
            ("Run tasks", self.run_tasks.is_some()),
        ];
        given.iter().find(|(_, is_given)| *is_given).map(|(name, _)| *name)
    }

    fn apply(&self, to: WorkspacePermissions) -> WorkspacePermissions {
        WorkspacePermissions {
            runs: self.runs.unwrap_or(to.runs),
            variables: self.variables.unwrap_or(to.variables),
            state_versions: self.state_versions.unwrap_or(to.state_versions),
            sentinel_mocks: self.sentinel_mocks.unwrap_or(to.sentinel_mocks),
            locking: self.locking.unwrap_or(to.locking),
            run_tasks: self.run_tasks.unwrap_or(to.run_tasks),
            admin: to.admin,
        }
    }
}

/// What a request says of the project itself: `project-access`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the fields of ProjectPermissions")]
pub struct ProjectChange {
    pub settings: Option<SettingsAccess>,
    pub teams: Option<TeamsAccess>,
    pub variable_sets: Option<VariablesAccess>,
}

/// What a request says of making, deleting and moving the project's workspaces: the rest of `workspace-access`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the fields of ProjectPermissions")]
pub struct WorkspacesChange {
    pub create: Option<bool>,
    pub delete: Option<bool>,
    pub r#move: Option<bool>,
}

impl TeamWorkspace {
    /// Changes it. Single rights are for `custom` alone, which begins with its own defaults.
    pub fn change(&mut self, access: Option<WorkspaceAccessLevel>, change: &WorkspaceChange) -> Result<(), ReadOnly> {
        let access = access.unwrap_or(self.access);
        if access == WorkspaceAccessLevel::Custom {
            self.custom = Some(change.apply(self.custom.unwrap_or(WorkspacePermissions::CUSTOM)));
        } else if let Some(name) = change.given("Workspace locking") {
            return Err(ReadOnly { name, level: access.as_str() });
        } else {
            self.custom = None;
        }
        self.access = access;
        Ok(())
    }
}

impl TeamProject {
    /// Changes it. Single rights are for `custom` alone, which begins with its own defaults.
    pub fn change(
        &mut self,
        access: Option<ProjectAccessLevel>,
        project: &ProjectChange,
        workspaces: &WorkspacesChange,
        workspace: &WorkspaceChange,
    ) -> Result<(), ReadOnly> {
        let access = access.unwrap_or(self.access);
        let given = [
            ("Settings", project.settings.is_some()),
            ("Teams", project.teams.is_some()),
            ("Variable sets", project.variable_sets.is_some()),
            ("Create", workspaces.create.is_some()),
            ("Delete", workspaces.delete.is_some()),
            ("Move", workspaces.r#move.is_some()),
        ];
        let given = given.iter().find(|(_, is_given)| *is_given).map(|(name, _)| *name);
        if access == ProjectAccessLevel::Custom {
            let from = self.custom.unwrap_or(ProjectPermissions::CUSTOM);
            self.custom = Some(ProjectPermissions {
                settings: project.settings.unwrap_or(from.settings),
                teams: project.teams.unwrap_or(from.teams),
                variable_sets: project.variable_sets.unwrap_or(from.variable_sets),
                workspaces: workspace.apply(from.workspaces),
                create: workspaces.create.unwrap_or(from.create),
                delete: workspaces.delete.unwrap_or(from.delete),
                r#move: workspaces.r#move.unwrap_or(from.r#move),
            });
        } else if let Some(name) = given.or_else(|| workspace.given("Locking")) {
            return Err(ReadOnly { name, level: access.as_str() });
        } else {
            self.custom = None;
        }
        self.access = access;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(level: WorkspaceAccessLevel) -> TeamWorkspace {
        TeamWorkspace {
            id: TeamWorkspaceId::from_entropy(1),
            organization_id: OrganizationId::from_entropy(1),
            team_id: TeamId::from_entropy(1),
            workspace_id: WorkspaceId::from_entropy(1),
            access: level,
            custom: None,
        }
    }

    #[test]
    fn single_rights_are_for_custom_alone() {
        let runs = WorkspaceChange { runs: Some(RunsAccess::Plan), ..WorkspaceChange::default() };
        for level in WorkspaceAccessLevel::ALL {
            let mut changed = access(WorkspaceAccessLevel::Admin);
            let result = changed.change(Some(*level), &runs);
            if *level == WorkspaceAccessLevel::Custom {
                let expected = WorkspacePermissions { runs: RunsAccess::Plan, ..WorkspacePermissions::CUSTOM };
                assert_eq!((result, changed.permissions()), (Ok(()), expected));
            } else {
                assert_eq!(result, Err(ReadOnly { name: "Runs", level: level.as_str() }));
                assert_eq!(changed, access(WorkspaceAccessLevel::Admin));
            }
        }
    }

    #[test]
    fn a_fixed_set_forgets_what_custom_meant() {
        let mut changed = access(WorkspaceAccessLevel::Custom);
        let locking = WorkspaceChange { locking: Some(true), ..WorkspaceChange::default() };
        changed.change(None, &locking).unwrap();
        assert!(changed.permissions().locking);
        changed.change(Some(WorkspaceAccessLevel::Read), &WorkspaceChange::default()).unwrap();
        changed.change(Some(WorkspaceAccessLevel::Custom), &WorkspaceChange::default()).unwrap();
        assert_eq!(changed.permissions(), WorkspacePermissions::CUSTOM);
    }
}
