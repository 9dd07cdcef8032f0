//! Teams, who is in them, what they have access to, and who was invited.

use proptest::prelude::*;
use terrane_domain::access::*;
use terrane_domain::ids::*;
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::team_access::{TeamProject, TeamWorkspace};
use terrane_domain::teams::{Team, TeamVisibility};
use terrane_domain::tokens::{Token, TokenKind};
use terrane_domain::users::User;
use terrane_store::organization_memberships::MembershipFilter;
use terrane_store::{StoreError, organization_memberships, team_access, teams, tokens, users};

use crate::databases::each;
use crate::samples::{World, entropy, keep, moment, some, text, time};
use crate::standings::{membership, team};

const COUNT: usize = 12;

fn custom(flag: bool) -> (Option<ProjectPermissions>, Option<WorkspacePermissions>) {
    let workspaces = WorkspacePermissions { locking: true, ..WorkspacePermissions::CUSTOM };
    let project = ProjectPermissions { workspaces, create: true, ..ProjectPermissions::CUSTOM };
    (flag.then_some(project), flag.then_some(workspaces))
}

#[tokio::test]
async fn teams_and_their_access_come_back_as_they_were_stored() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let access = proptest::sample::subsequence(OrganizationPermission::ALL, 0..8);
        let values = (text(), proptest::option::of(text()), access, any::<[bool; 3]>(), time());
        for (number, (name, sso_team_id, access, flags, created_at)) in some(COUNT, &values).into_iter().enumerate() {
            let stored = keep(Team {
                id: TeamId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                name: format!("{name}{number}"),
                visibility: if flags[0] { TeamVisibility::Secret } else { TeamVisibility::Organization },
                sso_team_id,
                organization_access: access.into_iter().collect(),
                allow_member_token_management: flags[1],
                created_at,
            });
            let (on_project, on_workspace) = custom(flags[2]);
            let on_project = keep(TeamProject {
                id: TeamProjectId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                team_id: stored.id.clone(),
                project_id: world.project.id.clone(),
                access: if flags[2] { ProjectAccessLevel::Custom } else { ProjectAccessLevel::Maintain },
                custom: on_project,
            });
            let on_workspace = keep(TeamWorkspace {
                id: TeamWorkspaceId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                team_id: stored.id.clone(),
                workspace_id: world.workspace.id.clone(),
                access: if flags[2] { WorkspaceAccessLevel::Custom } else { WorkspaceAccessLevel::Plan },
                custom: on_workspace,
            });
            write!(bench.store, tx => {
                teams::insert(tx, &team(world, &stored.name, GrantedAccess::NONE)).await?;
                Err::<(), _>(StoreError::Taken)
            })
            .unwrap_err();
            write!(bench.store, tx => {
                teams::insert(tx, &Team { name: "before".to_owned(), ..stored.clone() }).await?;
                overwrite!(tx, teams::held, &stored.id, teams::update, stored)?;
                team_access::insert_project(tx, on_project).await?;
                team_access::insert_workspace(tx, on_workspace).await
            })
            .unwrap();
            read!(bench.store, tx => {
                assert_eq!(teams::by_id(tx, &stored.id).await?.as_ref(), Some(stored));
                assert!(teams::of_organization(tx, &world.organization.id).await?.contains(stored));
                assert_eq!(team_access::project_by_id(tx, &on_project.id).await?.as_ref(), Some(on_project));
                assert_eq!(team_access::workspace_by_id(tx, &on_workspace.id).await?.as_ref(), Some(on_workspace));
                assert!(team_access::of_project(tx, &world.project.id).await?.contains(on_project));
                assert!(team_access::of_workspace(tx, &world.workspace.id).await?.contains(on_workspace));
                Ok(())
            })
            .unwrap();
            let second = keep(TeamWorkspace { id: TeamWorkspaceId::from_entropy(entropy()), ..on_workspace.clone() });
            let twice = write!(bench.store, tx => team_access::insert_workspace(tx, second).await);
            assert!(matches!(twice, Err(StoreError::Taken)));
            write!(bench.store, tx => {
                let changed = TeamWorkspace { access: WorkspaceAccessLevel::Read, custom: None, ..on_workspace.clone() };
                overwrite!(tx, team_access::held_workspace, &changed.id, team_access::update_workspace, &changed)?;
                assert_eq!(team_access::workspace_by_id(tx, &on_workspace.id).await?, Some(changed));
                team_access::remove_workspace(tx, &on_workspace.id).await?;
                assert_eq!(team_access::workspace_by_id(tx, &on_workspace.id).await?, None);
                teams::remove(tx, &stored.id).await?;
                assert_eq!(team_access::project_by_id(tx, &on_project.id).await?, None);
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_is_invited_twice_and_a_place_is_held_until_it_is_taken() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let placeholder = |email: &str| User {
            id: UserId::from_entropy(entropy()),
            username: String::new(),
            email: email.to_owned(),
            ..world.user.clone()
        };
        let (first, second) = (keep(placeholder("a@example.org")), keep(placeholder("A@example.org")));
        let invite = |user: &User| OrganizationMembership {
            id: OrganizationMembershipId::from_entropy(entropy()),
            user_id: user.id.clone(),
            email: user.email.clone(),
            ..membership(world, MembershipStatus::Invited)
        };
        let (invited, again) = (keep(invite(first)), keep(invite(second)));
        let guests = keep(team(world, "guests", GrantedAccess::NONE));
        write!(bench.store, tx => {
            teams::insert(tx, guests).await?;
            users::insert(tx, first).await?;
            users::insert(tx, second).await?;
            organization_memberships::insert(tx, invited).await?;
            teams::insert_member(tx, &guests.id, &first.id).await
        })
        .unwrap();
        let twice = write!(bench.store, tx => organization_memberships::insert(tx, again).await);
        assert!(matches!(twice, Err(StoreError::Taken)));
        read!(bench.store, tx => {
            assert_eq!(users::by_name(tx, "").await?, None, "who has no name is found by none");
            let id = &world.organization.id;
            assert_eq!(organization_memberships::by_email(tx, id, "A@EXAMPLE.org").await?.as_ref(), Some(invited));
            assert_eq!(organization_memberships::by_emails(tx, &[&first.email]).await?, std::slice::from_ref(invited));
            for (part, status, count) in [
                (Some("EXAMPLE"), None, 1),
                (Some("%"), None, 0),
                (None, Some(MembershipStatus::Active), 0),
                (None, Some(MembershipStatus::Invited), 1),
            ] {
                let filter = MembershipFilter { part: part.map(str::to_owned), status };
                assert_eq!(organization_memberships::list(tx, id, &filter, 10, 0).await?.1, count, "{filter:?}");
            }
            assert_eq!(teams::members(tx, &[&guests.id]).await?[&guests.id], std::slice::from_ref(invited));
            assert_eq!(teams::count_active(tx, &guests.id).await?, 0);
            Ok(())
        })
        .unwrap();
        write!(bench.store, tx => {
            users::remove_placeholder(tx, &first.id).await?;
            assert!(users::by_id(tx, &first.id).await?.is_some(), "the invitation needs it");
            teams::hand_over(tx, &world.organization.id, &first.id, &world.user.id).await?;
            assert!(organization_memberships::activate(tx, &invited.id, &world.user.id).await?);
            assert!(!organization_memberships::activate(tx, &invited.id, &world.user.id).await?, "taken twice");
            users::remove_placeholder(tx, &first.id).await?;
            assert_eq!(users::by_id(tx, &first.id).await?, None);
            assert_eq!(teams::count_active(tx, &guests.id).await?, 1);
            assert!(users::set_username(tx, &second.id, "named").await?);
            assert!(!users::set_username(tx, &second.id, "renamed").await?);
            users::remove_placeholder(tx, &second.id).await?;
            assert!(users::by_name(tx, "named").await?.is_some(), "an account with a name stays");
            teams::remove_from_all(tx, &world.organization.id, &world.user.id).await?;
            assert_eq!(teams::count_active(tx, &guests.id).await?, 0);
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_team_has_one_token_without_a_description_and_no_two_with_the_same() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let owner = keep(team(world, "builders", GrantedAccess::NONE));
        write!(bench.store, tx => teams::insert(tx, owner).await).unwrap();
        let token = |description: Option<&str>| {
            keep(Token {
                id: TokenId::from_entropy(entropy()),
                kind: TokenKind::Team,
                user_id: None,
                team_id: Some(owner.id.clone()),
                run_id: None,
                organization_id: Some(world.organization.id.clone()),
                created_by: None,
                description: description.map(str::to_owned),
                created_at: moment(0),
                last_used_at: None,
                expires_at: None,
            })
        };
        for (description, is_free) in
            [(None, true), (None, false), (Some(""), true), (Some(""), false), (Some("a"), true), (Some("b"), true)]
        {
            let token = token(description);
            let result = write!(bench.store, tx => tokens::insert(tx, token, token.id.as_str()).await);
            assert_eq!(result.is_ok(), is_free, "{description:?}");
        }
        write!(bench.store, tx => {
            let unnamed = tokens::of_team(tx, &owner.id).await?.unwrap();
            assert_eq!(unnamed.description, None);
            tokens::set_used(tx, &unnamed.id, moment(7)).await?;
            assert_eq!(tokens::by_id(tx, &unnamed.id).await?.unwrap().last_used_at, Some(moment(7)));
            assert!(tokens::remove_of_team(tx, &owner.id).await?);
            assert!(!tokens::remove_of_team(tx, &owner.id).await?);
            let left = tokens::of_organization(tx, &world.organization.id, TokenKind::Team).await?;
            assert_eq!(left.len(), 3);
            teams::remove(tx, &owner.id).await?;
            assert_eq!(tokens::of_organization(tx, &world.organization.id, TokenKind::Team).await?, []);
            Ok(())
        })
        .unwrap();
    })
    .await;
}
