//! What people and teams are and see in an organization: the lists agree with the decision, thing by thing.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use terrane_domain::access::{
    Action, Caller, CredentialKind, GrantedAccess, Membership, OrganizationPermission, Principal, ProjectAccessLevel,
    ProjectPermissions, RunsAccess, Scope, SettingsAccess, Standing, StateVersionsAccess, Target, TeamsAccess,
    VariablesAccess, WorkspaceAccessLevel, WorkspacePermissions, decide, visible_projects, visible_teams,
    visible_workspaces,
};
use terrane_domain::ids::*;
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::projects::Project;
use terrane_domain::team_access::{TeamProject, TeamWorkspace};
use terrane_domain::teams::{OWNERS, Team, TeamVisibility};
use terrane_domain::workspaces::{Workspace, WorkspaceSort};
use terrane_store::projects::ProjectFilter;
use terrane_store::teams::TeamFilter;
use terrane_store::workspaces::WorkspaceFilter;
use terrane_store::{StoreError, Tx, organization_memberships, projects, standings, team_access, teams, workspaces};

use crate::databases::{Bench, each};
use crate::samples::{World, entropy, keep, moment, workspace};

pub(crate) fn team(world: &World, name: &str, access: GrantedAccess) -> Team {
    Team {
        id: TeamId::from_entropy(entropy()),
        organization_id: world.organization.id.clone(),
        name: name.to_owned(),
        visibility: TeamVisibility::Secret,
        sso_team_id: None,
        organization_access: access,
        allow_member_token_management: true,
        created_at: moment(0),
    }
}

pub(crate) fn membership(world: &World, status: MembershipStatus) -> OrganizationMembership {
    OrganizationMembership {
        id: OrganizationMembershipId::from_entropy(entropy()),
        organization_id: world.organization.id.clone(),
        user_id: world.user.id.clone(),
        email: world.user.email.clone(),
        status,
        created_at: moment(0),
    }
}

async fn of_person(bench: &Bench, world: &'static World) -> Standing {
    let principal = Principal::User(world.user.id.clone());
    read!(bench.store, tx => standings::of(tx, &principal, &world.organization.id, standings::Place::default()).await)
        .unwrap()
}

#[tokio::test]
async fn an_invitation_makes_no_member_and_teams_make_owners() {
    for (status, membership_before, membership_after) in [
        (MembershipStatus::Invited, Membership::None, Membership::None),
        (MembershipStatus::Active, Membership::Member, Membership::Owner),
    ] {
        each(async |bench| {
            let world = World::new(&bench.store).await;
            assert_eq!(of_person(bench, world).await, Standing::default());
            let invited = keep(membership(world, status));
            let owners = keep(team(world, OWNERS, GrantedAccess::NONE));
            write!(bench.store, tx => organization_memberships::insert(tx, invited).await).unwrap();
            assert_eq!(of_person(bench, world).await.membership, membership_before);
            write!(bench.store, tx => {
                teams::insert(tx, owners).await?;
                teams::insert_member(tx, &owners.id, &world.user.id).await?;
                teams::insert_member(tx, &owners.id, &world.user.id).await
            })
            .unwrap();
            assert_eq!(of_person(bench, world).await.membership, membership_after);
        })
        .await;
    }
}

/// Places of one organization, with two more teams' worth of rights than a person has.
struct Places {
    projects: Vec<Project>,
    workspaces: Vec<Workspace>,
    teams: Vec<Team>,
}

/// Access of a team, by numbers: which team, which thing, which level, and what `custom` means.
type Grant = (usize, usize, usize, usize);

/// One of many meanings of `custom`.
fn custom(is_custom: bool, seed: usize) -> Option<(ProjectPermissions, WorkspacePermissions)> {
    fn one_of<T: Copy>(all: &[T], seed: usize) -> T {
        all[seed % all.len()]
    }
    let workspace = WorkspacePermissions {
        runs: one_of(RunsAccess::ALL, seed),
        variables: one_of(VariablesAccess::ALL, seed / 3),
        state_versions: one_of(StateVersionsAccess::ALL, seed / 9),
        locking: (seed / 36).is_multiple_of(2),
        run_tasks: (seed / 72).is_multiple_of(2),
        ..WorkspacePermissions::CUSTOM
    };
    let project = ProjectPermissions {
        settings: one_of(SettingsAccess::ALL, seed),
        teams: one_of(TeamsAccess::ALL, seed / 3),
        workspaces: workspace,
        create: (seed / 9).is_multiple_of(2),
        delete: (seed / 18).is_multiple_of(2),
        r#move: (seed / 36).is_multiple_of(2),
        ..ProjectPermissions::CUSTOM
    };
    is_custom.then_some((project, workspace))
}

/// A world: which teams the person is in, what they may in the organization, to which projects and workspaces.
#[derive(Debug, Clone)]
struct Rights {
    is_member: bool,
    member_of: Vec<usize>,
    access: Vec<Vec<OrganizationPermission>>,
    projects: Vec<Grant>,
    workspaces: Vec<Grant>,
}

const PROJECTS: usize = 3;
const WORKSPACES: usize = 5;
const TEAMS: usize = 3;

fn rights() -> impl Strategy<Value = Rights> {
    let access = prop_oneof![
        4 => Just(Vec::new()),
        1 => proptest::sample::subsequence(OrganizationPermission::ALL, 1..3),
    ];
    (
        proptest::bool::weighted(0.9),
        proptest::sample::subsequence((0..TEAMS).collect::<Vec<_>>(), 0..=TEAMS),
        proptest::collection::vec(access, TEAMS),
        proptest::collection::vec((0..TEAMS, 0..PROJECTS, 0..ProjectAccessLevel::ALL.len(), 0..144_usize), 0..3),
        proptest::collection::vec((0..TEAMS, 0..WORKSPACES, 0..WorkspaceAccessLevel::ALL.len(), 0..144_usize), 0..4),
    )
        .prop_map(|(is_member, member_of, access, projects, workspaces)| Rights {
            is_member,
            member_of,
            access,
            projects,
            workspaces,
        })
}

impl Places {
    fn new(world: &World) -> Self {
        let projects: Vec<Project> = (0..PROJECTS)
            .map(|number| Project {
                id: ProjectId::from_entropy(entropy()),
                name: format!("project {number}"),
                ..world.project.clone()
            })
            .collect();
        let workspaces =
            (0..WORKSPACES).map(|number| workspace(&projects[number % PROJECTS], &format!("w{number}"))).collect();
        // One of them is no secret.
        let visibilities = [TeamVisibility::Secret, TeamVisibility::Secret, TeamVisibility::Organization];
        let teams = [OWNERS, "readers", "writers"].iter().zip(visibilities);
        let teams = teams.map(|(name, visibility)| Team { visibility, ..team(world, name, GrantedAccess::NONE) });
        let teams = teams.collect();
        Self { projects, workspaces, teams }
    }

    async fn insert(&self, tx: &mut Tx) -> Result<(), StoreError> {
        for project in &self.projects {
            projects::insert(tx, project).await?;
        }
        for workspace in &self.workspaces {
            workspaces::insert(tx, workspace).await?;
        }
        Ok(())
    }

    async fn give(&self, tx: &mut Tx, world: &World, rights: &Rights) -> Result<(), StoreError> {
        let organization_id = &world.organization.id;
        if rights.is_member {
            organization_memberships::insert(tx, &membership(world, MembershipStatus::Active)).await?;
        }
        for (team, access) in self.teams.iter().zip(&rights.access) {
            let team = Team { organization_access: access.iter().copied().collect(), ..team.clone() };
            teams::insert(tx, &team).await?;
        }
        for number in &rights.member_of {
            teams::insert_member(tx, &self.teams[*number].id, &world.user.id).await?;
        }
        let mut seen = std::collections::HashSet::new();
        for (team, project, level, seed) in &rights.projects {
            if seen.insert((*team, *project)) {
                let access = TeamProject {
                    id: TeamProjectId::from_entropy(entropy()),
                    organization_id: organization_id.clone(),
                    team_id: self.teams[*team].id.clone(),
                    project_id: self.projects[*project].id.clone(),
                    access: ProjectAccessLevel::ALL[*level],
                    custom: custom(ProjectAccessLevel::ALL[*level] == ProjectAccessLevel::Custom, *seed)
                        .map(|(project, _)| project),
                };
                team_access::insert_project(tx, &access).await?;
            }
        }
        let mut seen = std::collections::HashSet::new();
        for (team, workspace, level, seed) in &rights.workspaces {
            if seen.insert((*team, *workspace)) {
                let access = TeamWorkspace {
                    id: TeamWorkspaceId::from_entropy(entropy()),
                    organization_id: organization_id.clone(),
                    team_id: self.teams[*team].id.clone(),
                    workspace_id: self.workspaces[*workspace].id.clone(),
                    access: WorkspaceAccessLevel::ALL[*level],
                    custom: custom(WorkspaceAccessLevel::ALL[*level] == WorkspaceAccessLevel::Custom, *seed)
                        .map(|(_, workspace)| workspace),
                };
                team_access::insert_workspace(tx, &access).await?;
            }
        }
        Ok(())
    }

    /// Whoever may see a thing finds it in the list, with the same standing; nobody else does.
    async fn check(&self, tx: &mut Tx, world: &World, caller: &Caller) -> Result<(), StoreError> {
        let id = &world.organization.id;
        let standing = standings::of(tx, &caller.principal, id, standings::Place::default()).await?;
        let visibility = visible_workspaces(caller, id, &standing);
        let listed = workspaces::list(tx, id, &visibility, &WorkspaceFilter::default(), 100, 0).await?;
        assert_eq!(listed.0.len(), usize::try_from(listed.1).unwrap());
        // Another order is another statement.
        let filter = WorkspaceFilter { sort: WorkspaceSort::Name, ..WorkspaceFilter::default() };
        let by_name = workspaces::list(tx, id, &visibility, &filter, 100, 0).await?;
        let ids = |rows: &[Workspace]| rows.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>();
        assert_eq!((ids(&listed.0), listed.1), (ids(&by_name.0), by_name.1));
        let places: Vec<_> = self.workspaces.iter().map(|row| (&row.project_id, &row.id)).collect();
        let grants = standings::grants(tx, &standing, &places).await?;
        for row in &self.workspaces {
            let place = standings::Place { project_id: Some(&row.project_id), workspace_id: Some(&row.id) };
            let here = standings::of(tx, &caller.principal, id, place).await?;
            let on_page = grants.at(&standing, &row.project_id, &row.id);
            for action in Action::ALL {
                let may = |standing| {
                    let scope = Scope { organization_id: id, target: Target::Workspace(&row.id), standing };
                    decide(caller, *action, scope).is_ok()
                };
                assert_eq!(may(&here), may(&on_page), "{action}");
            }
            let scope = Scope { organization_id: id, target: Target::Workspace(&row.id), standing: &here };
            let sees = decide(caller, Action::ReadWorkspace, scope).is_ok();
            assert_eq!(sees, listed.0.iter().any(|found| found.id == row.id), "{} {here:?}", row.name);
        }
        let visibility = visible_projects(caller, id, &standing);
        let listed = projects::visible(tx, id, &visibility).await?;
        let (page, counts) = projects::list(tx, id, &visibility, &ProjectFilter::default(), (100, 0)).await?;
        let ids = |rows: &[Project]| rows.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>();
        assert_eq!(ids(&page), ids(&listed));
        let count = i64::try_from(listed.len()).unwrap();
        assert_eq!((counts.total, counts.matching), (count, count));
        for row in &self.projects {
            let place = standings::Place { project_id: Some(&row.id), workspace_id: None };
            let here = standings::of(tx, &caller.principal, id, place).await?;
            let target = Target::Project { is_default: false };
            let scope = Scope { organization_id: id, target, standing: &here };
            let sees = decide(caller, Action::ReadProject, scope).is_ok();
            assert_eq!(sees, listed.iter().any(|found| found.id == row.id), "{} {here:?}", row.name);
        }
        let visibility = visible_teams(caller, id, &standing);
        let (listed, total) = teams::list(tx, id, &visibility, &TeamFilter::default(), (100, 0)).await?;
        assert_eq!(i64::try_from(listed.len()).unwrap(), total);
        for row in &self.teams {
            let scope = Scope { organization_id: id, target: Target::Team(row.facts()), standing: &standing };
            let sees = decide(caller, Action::ReadTeam, scope).is_ok();
            assert_eq!(sees, listed.iter().any(|found| found.id == row.id), "{} {standing:?}", row.name);
        }
        Ok(())
    }
}

#[tokio::test]
async fn lists_show_what_single_decisions_allow_in_random_worlds() {
    each(async |bench| {
        let worlds = if bench.is_postgres { 100 } else { 10_000 };
        let world = World::new(&bench.store).await;
        let places: &Places = keep(Places::new(world));
        write!(bench.store, tx => places.insert(tx).await).unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..worlds {
            let rights: &Rights = keep(rights().new_tree(&mut runner).unwrap().current());
            let result: Result<(), StoreError> = write!(bench.store, tx => {
                places.give(tx, world, rights).await?;
                let person = Caller {
                    kind: CredentialKind::User,
                    principal: Principal::User(world.user.id.clone()),
                    token_id: None,
                };
                places.check(tx, world, &person).await?;
                let team = Principal::Team {
                    team_id: places.teams[1].id.clone(),
                    organization_id: world.organization.id.clone(),
                };
                let team = Caller { kind: CredentialKind::Team, principal: team, token_id: None };
                places.check(tx, world, &team).await?;
                // Nothing of this world stays.
                Err(StoreError::Taken)
            });
            assert!(matches!(result, Err(StoreError::Taken)), "{rights:?}: {result:?}");
        }
    })
    .await;
}
