//! Every kind of caller, each with the credential it shows and what the decision knows of it.

use terrane_domain::access::{
    Caller, CredentialKind, GrantedAccess, Principal, ProjectAccessLevel, WorkspaceAccessLevel,
};
use terrane_domain::ids::*;
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::team_access::{TeamProject, TeamWorkspace};
use terrane_domain::teams::{Team, TeamVisibility};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_domain::users::User;
use terrane_store::{StoreError, Tx};

use crate::world::{World, text};

/// One caller.
pub(crate) struct Actor {
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) secret: Option<String>,
    /// Who it is, if what it shows is good.
    pub(crate) caller: Option<Caller>,
}

/// Access of a person's one team in the world's organization.
pub(crate) enum Access {
    None,
    Workspace(WorkspaceAccessLevel),
    Project(ProjectAccessLevel),
}

pub(crate) fn token(number: u128, kind: TokenKind, now: Timestamp) -> Token {
    Token {
        id: TokenId::from_entropy(number),
        kind,
        user_id: None,
        team_id: None,
        run_id: None,
        organization_id: None,
        created_by: None,
        description: None,
        created_at: now,
        // Used just now, so that its next use writes nothing.
        last_used_at: Some(now),
        expires_at: None,
    }
}

/// The places in the world that access is given to.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) organization: OrganizationId,
    pub(crate) project: ProjectId,
    pub(crate) workspace: WorkspaceId,
}

async fn team(tx: &mut Tx, number: u128, places: &Places, access: &Access) -> Result<TeamId, StoreError> {
    let id = TeamId::from_entropy(number);
    let organization_id = places.organization.clone();
    let team = Team {
        id: id.clone(),
        organization_id: organization_id.clone(),
        name: format!("team-{number}"),
        visibility: TeamVisibility::Secret,
        sso_team_id: None,
        organization_access: GrantedAccess::NONE,
        allow_member_token_management: false,
        created_at: tx.now(),
    };
    terrane_store::teams::insert(tx, &team).await?;
    match access {
        Access::None => {}
        Access::Workspace(level) => {
            let access = TeamWorkspace {
                id: TeamWorkspaceId::from_entropy(number),
                organization_id,
                team_id: id.clone(),
                workspace_id: places.workspace.clone(),
                access: *level,
                custom: None,
            };
            terrane_store::team_access::insert_workspace(tx, &access).await?;
        }
        Access::Project(level) => {
            let access = TeamProject {
                id: TeamProjectId::from_entropy(number),
                organization_id,
                team_id: id.clone(),
                project_id: places.project.clone(),
                access: *level,
                custom: None,
            };
            terrane_store::team_access::insert_project(tx, &access).await?;
        }
    }
    Ok(id)
}

/// Makes a member with a team of his own; both ids.
pub(crate) async fn member(
    tx: &mut Tx,
    number: u128,
    places: &Places,
    access: &Access,
) -> Result<(UserId, TeamId), StoreError> {
    let id = UserId::from_entropy(number);
    let user = User {
        id: id.clone(),
        username: format!("person-{number}"),
        email: format!("person-{number}@example.org"),
        is_site_admin: false,
        created_at: tx.now(),
    };
    terrane_store::users::insert(tx, &user).await?;
    let membership = OrganizationMembership {
        id: OrganizationMembershipId::from_entropy(number),
        organization_id: places.organization.clone(),
        user_id: id.clone(),
        email: user.email,
        status: MembershipStatus::Active,
        created_at: tx.now(),
    };
    terrane_store::organization_memberships::insert(tx, &membership).await?;
    let team = team(tx, number, places, access).await?;
    terrane_store::teams::insert_member(tx, &team, &id).await?;
    Ok((id, team))
}

const MEMBERS: &[(&str, Access)] = &[
    ("member", Access::None),
    ("read", Access::Workspace(WorkspaceAccessLevel::Read)),
    ("plan", Access::Workspace(WorkspaceAccessLevel::Plan)),
    ("write", Access::Workspace(WorkspaceAccessLevel::Write)),
    ("admin", Access::Workspace(WorkspaceAccessLevel::Admin)),
    ("maintain", Access::Project(ProjectAccessLevel::Maintain)),
];

impl World {
    /// Makes them all.
    pub(crate) async fn actors(&self) -> Vec<Actor> {
        let workspace_id: WorkspaceId = self.id("workspaces").parse().unwrap();
        let project_id: ProjectId = self.id("projects").parse().unwrap();
        let run_token = self.id("run-token").to_owned();
        let run_id: RunId = self.run.parse().unwrap();
        let (owner, outsider) = (self.owner.clone(), self.outsider.clone());
        let made: Result<Vec<Actor>, StoreError> = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let workspace = terrane_store::workspaces::by_id(tx, &workspace_id).await?.unwrap();
                    let places = Places {
                        organization: workspace.organization_id,
                        project: project_id,
                        workspace: workspace_id,
                    };
                    make(tx, &places, run_id, [owner, outsider, run_token]).await
                })
            })
            .await;
        let mut actors = made.unwrap();
        let other = self.start_run("other").await;
        let organization_id = actors.iter().find_map(|actor| match actor.caller.as_ref()?.principal.clone() {
            Principal::Organization(id) => Some(id),
            _ => None,
        });
        let principal = Principal::Run {
            run_id: text(&other.run["data"]["id"]).parse().unwrap(),
            workspace_id: other.workspace.parse().unwrap(),
            organization_id: organization_id.unwrap(),
        };
        actors.push(Actor {
            name: "other run",
            secret: Some(self.mint_run_token(96, &text(&other.run["data"]["id"])).await),
            caller: Some(Caller { kind: CredentialKind::Run, principal, token_id: None }),
        });
        actors.push(Actor {
            name: "runner",
            secret: Some(self.runner.clone()),
            caller: Some(Caller {
                kind: CredentialKind::RunnerPool,
                principal: Principal::Runner(None),
                token_id: None,
            }),
        });
        actors
    }
}

async fn make(
    tx: &mut Tx,
    places: &Places,
    run_id: RunId,
    [owner, outsider, run_token]: [String; 3],
) -> Result<Vec<Actor>, StoreError> {
    let now = tx.now();
    let organization_id = places.organization.clone();
    let known = |kind, principal| Some(Caller { kind, principal, token_id: None });
    let mut actors = vec![
        Actor { name: "nobody", secret: None, caller: None },
        Actor { name: "wrong", secret: Some("no-such-token".to_owned()), caller: None },
    ];
    for (name, secret) in [("outsider", outsider), ("owner", owner)] {
        let user_id = terrane_store::tokens::by_secret(tx, &secret).await?.and_then(|token| token.user_id).unwrap();
        let caller = known(CredentialKind::User, Principal::User(user_id));
        actors.push(Actor { name, secret: Some(secret), caller });
    }
    for (number, (name, access)) in (200..).zip(MEMBERS) {
        let (user_id, _) = member(tx, number, places, access).await?;
        let secret = format!("secret-of-{name}");
        let token = Token { user_id: Some(user_id.clone()), ..token(number, TokenKind::User, now) };
        terrane_store::tokens::insert(tx, &token, &secret).await?;
        let caller = known(CredentialKind::User, Principal::User(user_id));
        actors.push(Actor { name, secret: Some(secret), caller });
    }
    let expired = Token {
        user_id: Some(member(tx, 300, places, &Access::Workspace(WorkspaceAccessLevel::Admin)).await?.0),
        expires_at: Some(now),
        ..token(300, TokenKind::User, now)
    };
    terrane_store::tokens::insert(tx, &expired, "expired").await?;
    actors.push(Actor { name: "expired", secret: Some("expired".to_owned()), caller: None });
    let revoked = Token { expires_at: None, id: TokenId::from_entropy(301), ..expired };
    terrane_store::tokens::insert(tx, &revoked, "revoked").await?;
    terrane_store::tokens::remove(tx, &revoked.id).await?;
    actors.push(Actor { name: "revoked", secret: Some("revoked".to_owned()), caller: None });

    let team_id = team(tx, 400, places, &Access::Workspace(WorkspaceAccessLevel::Write)).await?;
    let in_organization =
        |number, kind| Token { organization_id: Some(organization_id.clone()), ..token(number, kind, now) };
    let team_token = Token { team_id: Some(team_id.clone()), ..in_organization(400, TokenKind::Team) };
    let team = Principal::Team { team_id, organization_id: organization_id.clone() };
    for (name, token, kind, principal) in [
        ("team", team_token, CredentialKind::Team, team),
        (
            "organization",
            in_organization(401, TokenKind::Organization),
            CredentialKind::Organization,
            Principal::Organization(organization_id.clone()),
        ),
        ("audit", in_organization(402, TokenKind::AuditTrails), CredentialKind::AuditTrails, Principal::Nobody),
    ] {
        let secret = format!("secret-of-{name}");
        terrane_store::tokens::insert(tx, &token, &secret).await?;
        actors.push(Actor { name, secret: Some(secret), caller: known(kind, principal) });
    }
    let run = |workspace_id| Principal::Run {
        run_id: run_id.clone(),
        workspace_id,
        organization_id: organization_id.clone(),
    };
    actors.push(Actor {
        name: "run",
        secret: Some(run_token),
        caller: known(CredentialKind::Run, run(places.workspace.clone())),
    });
    Ok(actors)
}
