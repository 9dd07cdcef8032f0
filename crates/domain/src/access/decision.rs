//! The decision itself.

use super::action::{Action, TargetKind};
use super::authorized::Allowed;
use super::caller::{Caller, CredentialKind, Principal};
use super::levels::{
    ProjectAccessLevel, ProjectPermissions, RunsAccess, SettingsAccess, StateVersionsAccess, TeamsAccess,
    VariablesAccess, WorkspaceAccessLevel, WorkspacePermissions,
};
use super::organization_access::{OrganizationAccess, OrganizationPermission as Permission};
use crate::ids::{OrganizationId, TeamId, WorkspaceId};

/// What the caller is in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Membership {
    /// Nothing.
    #[default]
    None,
    /// A member, whose teams say what he may.
    Member,
    /// An owner, or the organization itself.
    Owner,
}

/// The caller's rights at one place, added up over his teams, as the store knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// In the organization.
    pub membership: Membership,
    /// His teams in the organization, in order of their ids.
    pub teams: Vec<TeamId>,
    /// What they may do in the whole organization.
    pub organization: OrganizationAccess,
    /// What they may do with the target's project.
    pub project: Option<ProjectPermissions>,
    /// Whether one of them has access to a workspace in that project; to the target, if it is a workspace.
    pub sees_workspace_in_project: bool,
    /// What they may do with the target, if it is a workspace.
    pub workspace: Option<WorkspacePermissions>,
    /// Whether the target workspace lets the workspace of the caller, a run, read its state.
    pub shares_state: bool,
}

impl Standing {
    /// Adds a team's access to the target's project.
    pub fn add_project(&mut self, more: ProjectPermissions) {
        self.project = Some(self.project.map_or(more, |permissions| permissions.with(more)));
    }

    /// Adds a team's access to the target workspace.
    pub fn add_workspace(&mut self, more: WorkspacePermissions) {
        self.workspace = Some(self.workspace.map_or(more, |permissions| permissions.with(more)));
    }
}

/// What the decision needs to know of a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamFacts<'a> {
    /// The team.
    pub id: &'a TeamId,
    /// Whether it is the team that has every right.
    pub is_owners: bool,
    /// Whether only its members see it.
    pub is_secret: bool,
    /// Whether its members may manage its tokens.
    pub allows_member_tokens: bool,
}

/// To what the action is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The organization.
    Organization,
    /// A team of it.
    Team(TeamFacts<'a>),
    /// A project of it.
    Project {
        /// Whether workspaces that name no project come here.
        is_default: bool,
    },
    /// A workspace of it.
    Workspace(&'a WorkspaceId),
}

/// Where the action is to happen.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The organization.
    pub organization_id: &'a OrganizationId,
    /// The thing in it.
    pub target: Target<'a>,
    /// The caller's rights there.
    pub standing: &'a Standing,
}

words! {
    /// Why the answer is no.
    pub enum DenyReason {
        /// This kind of credential never may.
        CredentialKind = "credential-kind",
        /// A run reaches its own workspace only.
        OtherWorkspace = "other-workspace",
        /// The principal is no member of the organization.
        NotAMember = "not-a-member",
        /// A member, but without the right.
        MissingRight = "missing-right",
    }
}

/// What a run's token may do in its own workspace. Of the organization it sees that it exists; of what lies beside
/// its workspace, nothing.
const fn run_may(action: Action) -> bool {
    matches!(action, Action::ReadWorkspace | Action::ReadState | Action::ReadStateOutputs | Action::WriteState)
}

/// What a run's token may do in another workspace that shares its state: what the data sources of terraform for the
/// state of others ask for. Source: `workspaces/state.mdx`, "Accessing state from other workspaces".
const fn run_may_by_sharing(action: Action) -> bool {
    matches!(action, Action::ReadWorkspace | Action::ReadState | Action::ReadStateOutputs)
}

/// What an organization's token never may, though it stands above every workspace. Source: the table of `api-tokens.mdx`.
const fn organization_token_never(action: Action) -> bool {
    matches!(
        action,
        Action::UpdateOrganization
            | Action::DeleteOrganization
            | Action::QueueRun
            | Action::ApplyRun
            | Action::ForceCancelRun
            | Action::WriteState
            | Action::ResolveErroredState
            | Action::ReadPlanJson
    )
}

/// Whether `caller` may do `action` in `scope`.
pub fn decide(caller: &Caller, action: Action, scope: Scope<'_>) -> Result<Allowed, DenyReason> {
    let standing = scope.standing;
    match (&caller.kind, &caller.principal) {
        (CredentialKind::Team, Principal::Team { organization_id, .. })
        | (CredentialKind::Organization, Principal::Organization(organization_id))
            if organization_id != scope.organization_id =>
        {
            return Err(DenyReason::NotAMember);
        }
        (CredentialKind::Organization, Principal::Organization(_)) if organization_token_never(action) => {
            return Err(DenyReason::CredentialKind);
        }
        (CredentialKind::User | CredentialKind::Session, Principal::User(_))
        | (CredentialKind::Team, Principal::Team { .. })
        | (CredentialKind::Organization, Principal::Organization(_)) => {}
        (CredentialKind::Run, Principal::Run { workspace_id, organization_id, .. }) => {
            if organization_id != scope.organization_id {
                return Err(DenyReason::NotAMember);
            }
            return match scope.target {
                Target::Workspace(wanted) if wanted != workspace_id => {
                    let may = standing.shares_state && run_may_by_sharing(action);
                    if may { Ok(Allowed::new(action)) } else { Err(DenyReason::OtherWorkspace) }
                }
                Target::Workspace(_) if run_may(action) => Ok(Allowed::new(action)),
                Target::Organization if action == Action::ReadOrganization => Ok(Allowed::new(action)),
                _ => Err(DenyReason::CredentialKind),
            };
        }
        // Kinds that have routes of their own and none of these: audit trails, agents, runners, nobody.
        _ => return Err(DenyReason::CredentialKind),
    }
    match standing.membership {
        Membership::None => Err(DenyReason::NotAMember),
        Membership::Owner if applies(action, scope.target) => Ok(Allowed::new(action)),
        Membership::Member if has_right(action, scope) => Ok(Allowed::new(action)),
        _ => Err(DenyReason::MissingRight),
    }
}

/// Whether `action` is one that can be done to this kind of target, and even an owner may.
const fn applies(action: Action, target: Target<'_>) -> bool {
    matches!(
        (action.target(), target),
        (TargetKind::Organization, Target::Organization)
            | (TargetKind::Team, Target::Team(_))
            | (TargetKind::Project, Target::Project { .. })
            | (TargetKind::Workspace, Target::Workspace(_))
    )
}

/// Whether a member, who is no owner, has the right by his teams.
fn has_right(action: Action, scope: Scope<'_>) -> bool {
    applies(action, scope.target)
        && match scope.target {
            Target::Organization => organization_right(action, scope.standing.organization),
            Target::Team(team) => team_right(action, team, scope.standing),
            Target::Project { is_default } => project_right(action, is_default, scope.standing),
            Target::Workspace(_) => workspace_right(action, scope.standing),
        }
}

fn organization_right(action: Action, access: OrganizationAccess) -> bool {
    match action {
        Action::ReadOrganization | Action::ReadMembership => true,
        Action::ManageMembership => access.has(Permission::ManageMembership),
        Action::CreateTeam => access.has(Permission::ManageTeams),
        Action::CreateProject => access.has(Permission::ManageProjects),
        Action::ReadAgentPools => access.has_any(&[Permission::ManageAgentPools, Permission::ManageWorkspaces]),
        Action::ManageAgentPools => access.has(Permission::ManageAgentPools),
        Action::ManageTags => access.has(Permission::ManageWorkspaces),
        _ => false,
    }
}

fn team_right(action: Action, team: TeamFacts<'_>, standing: &Standing) -> bool {
    let access = standing.organization;
    let is_in = standing.teams.contains(team.id);
    let sees = is_in || !team.is_secret || access.has(Permission::AccessSecretTeams);
    let is_changeable = sees && !team.is_owners;
    match action {
        Action::ReadTeam => sees,
        Action::UpdateTeam => is_changeable && access.has(Permission::ManageTeams),
        Action::UpdateTeamAccess => is_changeable && access.has(Permission::ManageOrganizationAccess),
        Action::ManageTeamMembers => is_changeable && access.has(Permission::ManageMembership),
        Action::ManageTeamTokens => {
            (is_changeable && access.has(Permission::ManageTeams)) || (is_in && team.allows_member_tokens)
        }
        _ => false,
    }
}

/// What adds up on the target's project, its own access and the organization's together.
fn project_permissions(standing: &Standing) -> Option<ProjectPermissions> {
    let by_organization = if standing.organization.has(Permission::ManageProjects) {
        Some(ProjectPermissions::of(ProjectAccessLevel::Admin))
    } else if standing.organization.has_any(&[Permission::ReadProjects, Permission::ManageWorkspaces]) {
        Some(ProjectPermissions::CUSTOM)
    } else {
        None
    };
    match (by_organization, standing.project) {
        (Some(one), Some(other)) => Some(one.with(other)),
        (one, other) => one.or(other),
    }
}

fn project_right(action: Action, is_default: bool, standing: &Standing) -> bool {
    let manages_workspaces = standing.organization.has(Permission::ManageWorkspaces);
    let Some(permissions) = project_permissions(standing) else {
        return standing.sees_workspace_in_project && action == Action::ReadProject;
    };
    match action {
        Action::ReadProject => true,
        Action::UpdateProject => permissions.settings >= SettingsAccess::Update,
        Action::DeleteProject => permissions.settings >= SettingsAccess::Delete,
        Action::ReadProjectTeams => permissions.teams >= TeamsAccess::Read,
        Action::ManageProjectTeams => permissions.teams >= TeamsAccess::Manage,
        Action::CreateWorkspace => permissions.create || (is_default && manages_workspaces),
        Action::MoveWorkspace => permissions.r#move,
        _ => false,
    }
}

/// What adds up on the target workspace: its own access, its project's, and the organization's together.
pub(super) fn workspace_permissions(standing: &Standing) -> Option<WorkspacePermissions> {
    let access = standing.organization;
    let by_organization = if access.has_any(&[Permission::ManageWorkspaces, Permission::ManageProjects]) {
        Some(WorkspacePermissions::of(WorkspaceAccessLevel::Admin))
    } else if access.has(Permission::ReadWorkspaces) {
        Some(WorkspacePermissions::of(WorkspaceAccessLevel::Read))
    } else if access.has_any(&[
        Permission::ManagePolicies,
        Permission::ManagePolicyOverrides,
        Permission::ManageAgentPools,
    ]) {
        Some(WorkspacePermissions::CUSTOM)
    } else {
        None
    };
    let by_project = standing.project.map(|project| project.workspaces);
    [by_organization, by_project, standing.workspace].into_iter().flatten().reduce(WorkspacePermissions::with)
}

fn workspace_right(action: Action, standing: &Standing) -> bool {
    let Some(permissions) = workspace_permissions(standing) else { return false };
    match action {
        Action::ReadWorkspace | Action::ReadWorkspaceTeams => true,
        Action::DeleteWorkspace => permissions.admin || standing.project.is_some_and(|project| project.delete),
        Action::UpdateWorkspace
        | Action::ManageWorkspaceTeams
        | Action::ForceUnlockWorkspace
        | Action::ForceCancelRun
        | Action::ReadPlanJson => permissions.admin,
        Action::ManageWorkspaceRunTasks => permissions.run_tasks,
        Action::LockWorkspace => permissions.locking,
        Action::ReadVariables => permissions.variables >= VariablesAccess::Read,
        Action::WriteVariables => permissions.variables >= VariablesAccess::Write,
        Action::QueueRun => permissions.runs >= RunsAccess::Plan,
        Action::ApplyRun => permissions.runs >= RunsAccess::Apply,
        Action::ReadStateOutputs => permissions.state_versions >= StateVersionsAccess::ReadOutputs,
        Action::ReadState => permissions.state_versions >= StateVersionsAccess::Read,
        Action::WriteState => permissions.state_versions >= StateVersionsAccess::Write,
        Action::ResolveErroredState => permissions.locking && permissions.state_versions >= StateVersionsAccess::Write,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
