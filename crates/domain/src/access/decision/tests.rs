use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::access::{SentinelMocksAccess, Visibility, visible_projects, visible_teams, visible_workspaces};
use crate::ids::{RunId, UserId};

fn organization() -> OrganizationId {
    OrganizationId::from_entropy(1)
}

fn workspace() -> WorkspaceId {
    WorkspaceId::from_entropy(1)
}

fn team(number: u128) -> TeamId {
    TeamId::from_entropy(number)
}

fn caller(kind: CredentialKind, principal: Principal) -> Caller {
    Caller { kind, principal, token_id: None }
}

fn person() -> Caller {
    caller(CredentialKind::User, Principal::User(UserId::from_entropy(1)))
}

fn run(number: u128) -> Caller {
    let principal = Principal::Run {
        run_id: RunId::from_entropy(number),
        workspace_id: WorkspaceId::from_entropy(number),
        organization_id: organization(),
    };
    caller(CredentialKind::Run, principal)
}

fn member(access: &[Permission]) -> Standing {
    Standing {
        membership: Membership::Member,
        teams: vec![team(1)],
        organization: access.iter().copied().collect(),
        ..Standing::default()
    }
}

fn owner() -> Standing {
    Standing { membership: Membership::Owner, ..Standing::default() }
}

/// Each kind of caller with what the store says of it.
fn actors() -> Vec<(String, Caller, Standing)> {
    let id = organization();
    let mut actors = vec![
        ("nobody".to_owned(), Caller::anonymous(), Standing::default()),
        ("outsider".to_owned(), person(), Standing::default()),
        ("owner".to_owned(), person(), owner()),
        (
            "session of an owner".to_owned(),
            caller(CredentialKind::Session, Principal::User(UserId::from_entropy(1))),
            owner(),
        ),
        (
            "token of the owners team".to_owned(),
            caller(CredentialKind::Team, Principal::Team { team_id: team(1), organization_id: id.clone() }),
            owner(),
        ),
        (
            "token of a team with write".to_owned(),
            caller(CredentialKind::Team, Principal::Team { team_id: team(1), organization_id: id.clone() }),
            Standing { workspace: Some(WorkspacePermissions::of(WorkspaceAccessLevel::Write)), ..member(&[]) },
        ),
        (
            "token of another organization's team".to_owned(),
            caller(
                CredentialKind::Team,
                Principal::Team { team_id: team(1), organization_id: OrganizationId::from_entropy(2) },
            ),
            owner(),
        ),
        ("organization token".to_owned(), caller(CredentialKind::Organization, Principal::Organization(id)), owner()),
        (
            "another organization's token".to_owned(),
            caller(CredentialKind::Organization, Principal::Organization(OrganizationId::from_entropy(2))),
            owner(),
        ),
        ("audit trails token".to_owned(), caller(CredentialKind::AuditTrails, Principal::Nobody), owner()),
        ("run of this workspace".to_owned(), run(1), Standing::default()),
        ("run of another workspace".to_owned(), run(2), Standing::default()),
        (
            "run of a workspace that may read this one's state".to_owned(),
            run(2),
            Standing { shares_state: true, ..Standing::default() },
        ),
        ("runner".to_owned(), caller(CredentialKind::RunnerPool, Principal::Runner(None)), owner()),
        ("agent".to_owned(), caller(CredentialKind::AgentIdentity, Principal::Nobody), owner()),
        ("member".to_owned(), person(), member(&[])),
    ];
    for level in WorkspaceAccessLevel::ALL {
        let standing = Standing { workspace: Some(WorkspacePermissions::of(*level)), ..member(&[]) };
        actors.push((format!("workspace {level}"), person(), standing));
    }
    for level in ProjectAccessLevel::ALL {
        let standing = Standing { project: Some(ProjectPermissions::of(*level)), ..member(&[]) };
        actors.push((format!("project {level}"), person(), standing));
    }
    for permission in Permission::ALL {
        actors.push((permission.to_string(), person(), member(&[*permission])));
    }
    actors
}

/// One target of each kind, by name.
fn with_targets(mut each: impl FnMut(&str, Target<'_>)) {
    let (workspace, mine, other) = (workspace(), team(1), team(2));
    let facts = TeamFacts { id: &other, is_owners: false, is_secret: false, allows_member_tokens: true };
    each("organization", Target::Organization);
    each("own secret team", Target::Team(TeamFacts { id: &mine, is_secret: true, ..facts }));
    each("visible team", Target::Team(facts));
    each("secret team", Target::Team(TeamFacts { is_secret: true, ..facts }));
    each("owners team", Target::Team(TeamFacts { is_owners: true, is_secret: true, ..facts }));
    each("default project", Target::Project { is_default: true });
    each("project", Target::Project { is_default: false });
    each("workspace", Target::Workspace(&workspace));
}

#[test]
fn every_kind_of_caller_may_what_the_table_says() {
    let id = organization();
    let mut table = String::new();
    for (name, caller, standing) in actors() {
        writeln!(table, "{name}").unwrap();
        with_targets(|target_name, target| {
            let scope = Scope { organization_id: &id, target, standing: &standing };
            let actions: Vec<&str> = Action::ALL
                .iter()
                .filter(|action| decide(&caller, **action, scope).is_ok())
                .map(|action| action.as_str())
                .collect();
            if !actions.is_empty() {
                writeln!(table, "    {target_name}: {}", actions.join(" ")).unwrap();
            }
        });
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_no_says_whether_the_credential_or_the_right_is_wrong() {
    let (id, workspace) = (organization(), workspace());
    let reason = |caller: &Caller, standing: &Standing, action| {
        let scope = Scope { organization_id: &id, target: Target::Workspace(&workspace), standing };
        decide(caller, action, scope).map(|_| ())
    };
    let nothing = Standing::default();
    assert_eq!(reason(&person(), &nothing, Action::ReadWorkspace), Err(DenyReason::NotAMember));
    assert_eq!(reason(&person(), &member(&[]), Action::ReadWorkspace), Err(DenyReason::MissingRight));
    assert_eq!(reason(&run(2), &nothing, Action::ReadState), Err(DenyReason::OtherWorkspace));
    assert_eq!(reason(&run(1), &nothing, Action::QueueRun), Err(DenyReason::CredentialKind));
}

fn any_of<T: Copy + std::fmt::Debug>(values: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(values)
}

fn workspace_permissions_strategy() -> impl Strategy<Value = WorkspacePermissions> {
    (
        any_of(RunsAccess::ALL),
        any_of(VariablesAccess::ALL),
        any_of(StateVersionsAccess::ALL),
        any_of(SentinelMocksAccess::ALL),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(runs, variables, state_versions, sentinel_mocks, (locking, run_tasks, admin))| {
            WorkspacePermissions { runs, variables, state_versions, sentinel_mocks, locking, run_tasks, admin }
        })
}

fn standing_strategy() -> impl Strategy<Value = Standing> {
    let project =
        (
            any_of(SettingsAccess::ALL),
            any_of(TeamsAccess::ALL),
            any_of(VariablesAccess::ALL),
            workspace_permissions_strategy(),
            any::<(bool, bool, bool)>(),
        )
            .prop_map(|(settings, teams, variable_sets, workspaces, (create, delete, r#move))| {
                ProjectPermissions { settings, teams, variable_sets, workspaces, create, delete, r#move }
            });
    (
        any_of(&[Membership::None, Membership::Member, Membership::Owner]),
        proptest::sample::subsequence(Permission::ALL, 0..3),
        proptest::option::of(project),
        proptest::option::of(workspace_permissions_strategy()),
    )
        .prop_map(|(membership, access, project, workspace)| Standing {
            membership,
            teams: vec![team(1)],
            organization: access.into_iter().collect(),
            project,
            sees_workspace_in_project: workspace.is_some(),
            workspace,
            shares_state: false,
        })
}

proptest! {
    #[test]
    fn rights_only_add_up(standing in standing_strategy(), more in workspace_permissions_strategy(), extra in any_of(Permission::ALL)) {
        let id = organization();
        let richer = Standing {
            workspace: Some(standing.workspace.map_or(more, |permissions| permissions.with(more))),
            sees_workspace_in_project: true,
            organization: standing.organization.iter().chain([extra]).collect(),
            ..standing.clone()
        };
        with_targets(|name, target| {
            for action in Action::ALL {
                let may = |standing| decide(&person(), *action, Scope { organization_id: &id, target, standing }).is_ok();
                assert!(!may(&standing) || may(&richer), "{action} to {name}");
            }
        });
    }

    #[test]
    fn an_owner_may_what_any_member_may(standing in standing_strategy()) {
        let id = organization();
        with_targets(|name, target| {
            for action in Action::ALL {
                let may = |standing| decide(&person(), *action, Scope { organization_id: &id, target, standing }).is_ok();
                assert!(!may(&standing) || may(&owner()), "{action} to {name}");
            }
        });
    }

    #[test]
    fn lists_show_what_single_decisions_allow(standing in standing_strategy(), chosen in 0..16_usize) {
        let (id, workspace) = (organization(), workspace());
        let (name, caller, _) = actors().swap_remove(chosen);
        // An organization is its own owner, or a stranger elsewhere.
        let is_member_of_itself =
            matches!(caller.principal, Principal::Organization(_)) && standing.membership == Membership::Member;
        prop_assume!(!is_member_of_itself);
        let single = |action, target| {
            decide(&caller, action, Scope { organization_id: &id, target, standing: &standing }).is_ok()
        };
        let shows = |visibility, by_team: bool| match visibility {
            Visibility::Nothing => false,
            Visibility::All => true,
            Visibility::OfUser(id) => by_team && Principal::User(id) == caller.principal,
            Visibility::OfTeam(id) => by_team && matches!(&caller.principal, Principal::Team { team_id, .. } if *team_id == id),
            Visibility::Workspace(only) => only == workspace,
        };
        let by_team = standing.project.is_some() || standing.workspace.is_some();
        prop_assert_eq!(
            shows(visible_workspaces(&caller, &id, &standing), by_team),
            single(Action::ReadWorkspace, Target::Workspace(&workspace)),
            "{}", name
        );
        prop_assert_eq!(
            shows(visible_projects(&caller, &id, &standing), by_team),
            single(Action::ReadProject, Target::Project { is_default: false }),
            "{}", name
        );
        let (one, other) = (team(1), team(2));
        for (id_of_team, is_secret) in [(&one, false), (&one, true), (&other, false), (&other, true)] {
            let facts = TeamFacts { id: id_of_team, is_owners: false, is_secret, allows_member_tokens: false };
            prop_assert_eq!(
                shows(visible_teams(&caller, &id, &standing), !is_secret || standing.teams.contains(id_of_team)),
                single(Action::ReadTeam, Target::Team(facts)),
                "{}", name
            );
        }
    }
}
