//! What a principal is in an organization and may do at one place of it, added up over his teams.

use std::collections::HashMap;

use terrane_domain::access::{
    Membership, OrganizationAccess, Principal, ProjectAccessLevel, ProjectPermissions, Standing, WorkspaceAccessLevel,
    WorkspacePermissions,
};
use terrane_domain::ids::{OrganizationId, ProjectId, TeamId, UserId, WorkspaceId};
use terrane_domain::team_access::{TeamProject, TeamWorkspace};
use terrane_domain::teams::OWNERS;

use crate::error::StoreError;
use crate::statement::statements;
use crate::transaction::{Tx, values};
use crate::value::{Col, Row};

statements! {
    // One row a team. $1: the organization; $2: the person; $3: the project, $4: the workspace, or nothing. A member
    // without a team has one row without a team. Who stands at a workspace is not asked for the project's others, and
    // SQLite, which begins a CROSS JOIN on the left, looks through a team's workspaces instead of all of the project's.
    OF_USER = "SELECT t.id, t.name, t.organization_access, p.access, p.custom, w.access, w.custom, CASE WHEN CAST($4 AS TEXT) IS NULL THEN EXISTS (SELECT 1 FROM team_workspaces o CROSS JOIN workspaces i WHERE o.team_id = t.id AND i.id = o.workspace_id AND i.project_id = CAST($3 AS TEXT)) ELSE w.access IS NOT NULL END FROM organization_memberships m LEFT JOIN team_members b ON b.user_id = m.user_id AND b.team_id IN (SELECT id FROM teams WHERE organization_id = $1) LEFT JOIN teams t ON t.id = b.team_id LEFT JOIN team_projects p ON p.team_id = t.id AND p.project_id = CAST($3 AS TEXT) LEFT JOIN team_workspaces w ON w.team_id = t.id AND w.workspace_id = CAST($4 AS TEXT) WHERE m.organization_id = $1 AND m.user_id = $2 AND m.status = 'active' ORDER BY t.id";
    // $2: the team.
    OF_TEAM = "SELECT t.id, t.name, t.organization_access, p.access, p.custom, w.access, w.custom, CASE WHEN CAST($4 AS TEXT) IS NULL THEN EXISTS (SELECT 1 FROM team_workspaces o CROSS JOIN workspaces i WHERE o.team_id = t.id AND i.id = o.workspace_id AND i.project_id = CAST($3 AS TEXT)) ELSE w.access IS NOT NULL END FROM teams t LEFT JOIN team_projects p ON p.team_id = t.id AND p.project_id = CAST($3 AS TEXT) LEFT JOIN team_workspaces w ON w.team_id = t.id AND w.workspace_id = CAST($4 AS TEXT) WHERE t.organization_id = $1 AND t.id = $2";
    EVERYWHERE = "SELECT t.id, t.name, t.organization_access, m.organization_id FROM organization_memberships m LEFT JOIN team_members b ON b.user_id = m.user_id AND b.team_id IN (SELECT id FROM teams WHERE organization_id = m.organization_id) LEFT JOIN teams t ON t.id = b.team_id WHERE m.user_id = $1 AND m.status = 'active' ORDER BY t.id";
    // $1: the workspace; $2: the one that wants to read its state.
    SHARES_STATE = "SELECT 1 FROM workspaces w JOIN workspaces c ON c.organization_id = w.organization_id WHERE w.id = $1 AND c.id = $2 AND (w.global_remote_state = TRUE OR (w.project_remote_state = TRUE AND c.project_id = w.project_id) OR EXISTS (SELECT 1 FROM remote_state_consumers r WHERE r.workspace_id = w.id AND r.consumer_id = c.id))";
    ON_WORKSPACES: TeamWorkspace = select_many "workspace_id";
    ON_PROJECTS: TeamProject = select_many "project_id";
    OF_TEAMS: TeamProject = select_many "team_id";
}

/// A place in an organization, as far as access to single things goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The project, or the workspace's.
    pub project_id: Option<&'a ProjectId>,
    /// The workspace.
    pub workspace_id: Option<&'a WorkspaceId>,
}

/// What `principal` is in the organization and may do at `place`.
pub async fn of(
    tx: &mut Tx,
    principal: &Principal,
    id: &OrganizationId,
    place: Place<'_>,
) -> Result<Standing, StoreError> {
    let (project, workspace) = (place.project_id.cloned(), place.workspace_id.cloned());
    let rows = match principal {
        Principal::User(user_id) => tx.rows(&OF_USER, values![*id, *user_id, project, workspace]).await?,
        Principal::Team { team_id, organization_id } if organization_id == id => {
            tx.rows(&OF_TEAM, values![*id, *team_id, project, workspace]).await?
        }
        Principal::Organization(own) if own == id => {
            return Ok(Standing { membership: Membership::Owner, ..Standing::default() });
        }
        Principal::Run { workspace_id: own, organization_id, .. } if organization_id == id => {
            let shares_state = match &workspace {
                Some(other) if other != own => !tx.rows(&SHARES_STATE, values![*other, *own]).await?.is_empty(),
                _ => false,
            };
            return Ok(Standing { shares_state, ..Standing::default() });
        }
        _ => return Ok(Standing::default()),
    };
    let mut standing = Standing::default();
    for row in &rows {
        add(&mut standing, row)?;
    }
    Ok(standing)
}

/// What a person is in each organization that has him as a member.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<HashMap<OrganizationId, Standing>, StoreError> {
    let mut standings = HashMap::new();
    for row in &tx.rows(&EVERYWHERE, values![*user_id]).await? {
        add_team(standings.entry(Col::get(row, 3)?).or_default(), row)?;
    }
    Ok(standings)
}

/// Adds a team by the first columns of its row, or the bare membership of one who is in no team.
fn add_team(standing: &mut Standing, row: &Row) -> Result<bool, StoreError> {
    standing.membership = standing.membership.max(Membership::Member);
    let Some(team_id) = Option::<TeamId>::get(row, 0)? else { return Ok(false) };
    if String::get(row, 1)? == OWNERS {
        standing.membership = Membership::Owner;
    }
    standing.teams.push(team_id);
    standing.organization = standing.organization.with(OrganizationAccess::get(row, 2)?);
    Ok(true)
}

fn add(standing: &mut Standing, row: &Row) -> Result<(), StoreError> {
    if !add_team(standing, row)? {
        return Ok(());
    }
    if let Some(level) = Option::<ProjectAccessLevel>::get(row, 3)? {
        let custom = Option::<ProjectPermissions>::get(row, 4)?;
        standing.add_project(custom.unwrap_or(ProjectPermissions::of(level)));
    }
    if let Some(level) = Option::<WorkspaceAccessLevel>::get(row, 5)? {
        let custom = Option::<WorkspacePermissions>::get(row, 6)?;
        standing.add_workspace(custom.unwrap_or(WorkspacePermissions::of(level)));
    }
    standing.sees_workspace_in_project |= bool::get(row, 7)?;
    Ok(())
}

/// The access of an organization's teams to the things on one page.
#[derive(Debug, Default)]
pub struct Grants {
    projects: HashMap<ProjectId, Vec<TeamProject>>,
    workspaces: HashMap<WorkspaceId, Vec<TeamWorkspace>>,
}

/// The access of teams to these workspaces and their projects, for one whose standing in the organization is
/// `standing`: two statements for twenty of them, none for an owner.
pub async fn grants(
    tx: &mut Tx,
    standing: &Standing,
    places: &[(&ProjectId, &WorkspaceId)],
) -> Result<Grants, StoreError> {
    let mut projects: Vec<_> = places.iter().map(|(project_id, _)| *project_id).collect();
    projects.sort_unstable();
    projects.dedup();
    let mut grants = project_grants(tx, standing, &projects).await?;
    if standing.membership != Membership::Member {
        return Ok(grants);
    }
    let workspaces: Vec<_> = places.iter().map(|(_, workspace_id)| *workspace_id).collect();
    for access in tx.many::<TeamWorkspace, _>(&ON_WORKSPACES, &workspaces).await? {
        grants.workspaces.entry(access.workspace_id.clone()).or_default().push(access);
    }
    Ok(grants)
}

/// The access of teams to these projects.
pub async fn project_grants(tx: &mut Tx, standing: &Standing, projects: &[&ProjectId]) -> Result<Grants, StoreError> {
    let mut grants = Grants::default();
    if standing.membership != Membership::Member {
        return Ok(grants);
    }
    for access in tx.many::<TeamProject, _>(&ON_PROJECTS, projects).await? {
        grants.projects.entry(access.project_id.clone()).or_default().push(access);
    }
    Ok(grants)
}

/// The access to projects, whichever they are, of the teams in `standing`.
pub async fn all_project_grants(tx: &mut Tx, standing: &Standing) -> Result<Grants, StoreError> {
    let mut grants = Grants::default();
    let teams: Vec<_> = standing.teams.iter().collect();
    for access in tx.many::<TeamProject, _>(&OF_TEAMS, &teams).await? {
        grants.projects.entry(access.project_id.clone()).or_default().push(access);
    }
    Ok(grants)
}

impl Grants {
    /// The standing of one whose standing in the organization is `standing`, at a project that he was found to see.
    pub fn at_project(&self, standing: &Standing, project_id: &ProjectId) -> Standing {
        let mut standing = Standing { sees_workspace_in_project: true, ..standing.clone() };
        for access in self.projects.get(project_id).into_iter().flatten() {
            if standing.teams.contains(&access.team_id) {
                standing.add_project(access.permissions());
            }
        }
        standing
    }

    /// The standing of one whose standing in the organization is `standing`, at a workspace of the page.
    pub fn at(&self, standing: &Standing, project_id: &ProjectId, workspace_id: &WorkspaceId) -> Standing {
        let mut standing = self.at_project(standing, project_id);
        for access in self.workspaces.get(workspace_id).into_iter().flatten() {
            if standing.teams.contains(&access.team_id) {
                standing.add_workspace(access.permissions());
            }
        }
        standing
    }
}
