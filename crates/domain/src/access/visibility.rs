//! What lists may show: the same answers as the decision's, for SQL.

use super::caller::{Caller, Principal};
use super::decision::{Membership, Scope, Standing, Target, decide};
use super::{Action, OrganizationPermission as Permission};
use crate::ids::{OrganizationId, TeamId, UserId, WorkspaceId};

/// Which of an organization's workspaces, projects or teams a list may show. Of teams those that are not secret are shown
/// beside those of the person, or the team itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// None.
    Nothing,
    /// All.
    All,
    /// Those to which one of the person's teams has access, by themselves or by their project.
    OfUser(UserId),
    /// Those to which the team has access, by themselves or by their project.
    OfTeam(TeamId),
    /// This workspace.
    Workspace(WorkspaceId),
}

/// The workspaces of an organization that `caller` may see.
pub fn visible_workspaces(caller: &Caller, organization_id: &OrganizationId, standing: &Standing) -> Visibility {
    if let Principal::Run { workspace_id, organization_id: own, .. } = &caller.principal
        && own == organization_id
    {
        return Visibility::Workspace(workspace_id.clone());
    }
    visible(
        caller,
        organization_id,
        standing,
        super::decision::workspace_permissions(&by_organization(standing)).is_some(),
    )
}

/// The projects of an organization that `caller` may see: those his teams have access to, and those of the workspaces
/// that he sees.
pub fn visible_projects(caller: &Caller, organization_id: &OrganizationId, standing: &Standing) -> Visibility {
    let sees_all = standing.organization.has_any(&[
        Permission::ManageProjects,
        Permission::ReadProjects,
        Permission::ManageWorkspaces,
    ]);
    visible(caller, organization_id, standing, sees_all)
}

/// The teams of an organization that `caller` may see.
pub fn visible_teams(caller: &Caller, organization_id: &OrganizationId, standing: &Standing) -> Visibility {
    let sees_all = standing.organization.has(Permission::AccessSecretTeams);
    visible(caller, organization_id, standing, sees_all)
}

/// What is left without access to single things.
fn by_organization(standing: &Standing) -> Standing {
    Standing { project: None, workspace: None, ..standing.clone() }
}

fn visible(caller: &Caller, organization_id: &OrganizationId, standing: &Standing, sees_all: bool) -> Visibility {
    let scope = Scope { organization_id, target: Target::Organization, standing };
    let is_run = matches!(caller.principal, Principal::Run { .. });
    if is_run || decide(caller, Action::ReadOrganization, scope).is_err() {
        return Visibility::Nothing;
    }
    match &caller.principal {
        _ if sees_all || standing.membership == Membership::Owner => Visibility::All,
        Principal::User(id) => Visibility::OfUser(id.clone()),
        Principal::Team { team_id, .. } => Visibility::OfTeam(team_id.clone()),
        _ => Visibility::Nothing,
    }
}
