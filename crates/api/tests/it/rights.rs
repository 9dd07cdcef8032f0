//! Every route that declares a right, as every kind of caller: what happens is what the decision says.

use axum::http::StatusCode;
use serde_json::json;
use terrane_api::{Access, Route};
use terrane_domain::access::{Action, Caller, Scope, Standing, Target, TargetKind, decide};
use terrane_domain::ids::{OrganizationId, ProjectId, TeamId, WorkspaceId};
use terrane_domain::teams::Team;
use terrane_store::{StoreError, standings};

use crate::actors::Actor;
use crate::matrix::{concrete, placed};
use crate::world::{Answer, World};

/// What the decision needs to know of the world.
struct Ground {
    organization: OrganizationId,
    project: ProjectId,
    workspace: WorkspaceId,
}

impl Ground {
    async fn of(world: &World) -> Self {
        let workspace_id: WorkspaceId = world.id("workspaces").parse().unwrap();
        let id = workspace_id.clone();
        let found: Result<_, StoreError> =
            world.store.read(move |tx| Box::pin(async move { terrane_store::workspaces::by_id(tx, &id).await })).await;
        let workspace = found.unwrap().unwrap();
        Self { organization: workspace.organization_id, project: workspace.project_id, workspace: workspace_id }
    }

    async fn standing(&self, world: &World, caller: &Caller, action: Action) -> Standing {
        let (principal, organization_id) = (caller.principal.clone(), self.organization.clone());
        let project = matches!(action.target(), TargetKind::Project | TargetKind::Workspace);
        let project = project.then(|| self.project.clone());
        let workspace = (action.target() == TargetKind::Workspace).then(|| self.workspace.clone());
        let found: Result<_, StoreError> = world
            .store
            .read(move |tx| {
                Box::pin(async move {
                    let place = standings::Place { project_id: project.as_ref(), workspace_id: workspace.as_ref() };
                    standings::of(tx, &principal, &organization_id, place).await
                })
            })
            .await;
        found.unwrap()
    }

    /// Whether the decision lets the actor do what the route declares.
    async fn allows(&self, world: &World, actor: &Actor, action: Action, path: &str) -> bool {
        let Some(caller) = &actor.caller else { return false };
        let standing = self.standing(world, caller, action).await;
        let team = if action.target() == TargetKind::Team { team(world, path).await } else { None };
        let target = match (action.target(), &team) {
            (TargetKind::Organization, _) => Target::Organization,
            (TargetKind::Project, _) => Target::Project { is_default: true },
            (TargetKind::Workspace, _) => Target::Workspace(&self.workspace),
            (TargetKind::Team, Some(team)) => Target::Team(team.facts()),
            (TargetKind::Team, None) => panic!("{path} is of no team"),
        };
        let scope = Scope { organization_id: &self.organization, target, standing: &standing };
        decide(caller, action, scope).is_ok()
    }
}

async fn team(world: &World, path: &str) -> Option<Team> {
    let id: TeamId = path.split('/').find_map(|part| part.parse().ok())?;
    let found: Result<_, StoreError> =
        world.store.read(move |tx| Box::pin(async move { terrane_store::teams::by_id(tx, &id).await })).await;
    found.unwrap()
}

/// A document that most routes can read, so that who may not come is not stopped by its form.
fn document(world: &World, route: &Route) -> Vec<u8> {
    if route.method == "GET" {
        return Vec::new();
    }
    let one = |kind: &str| json!({ "data": { "type": kind, "id": world.id(kind) } });
    let relationships = json!({
        "workspace": one("workspaces"), "project": one("projects"), "team": one("teams"),
        "rollback-state-version": { "data": { "type": "state-versions", "id": "sv-1111111111111111" } },
    });
    let attributes = json!({
        "name": "made-by-the-matrix", "email": "matrix@example.org", "key": "matrix", "value": "1", "category": "env",
        "reason": "matrix", "access": "read", "serial": 1, "md5": "00000000000000000000000000000000",
        "lineage": "matrix", "description": "matrix",
    });
    json!({ "data": { "type": "anything", "attributes": attributes, "relationships": relationships } })
        .to_string()
        .into_bytes()
}

async fn send(world: &World, route: &Route, actor: &Actor) -> Answer {
    let path = if route.method == "GET" { placed(world, route) } else { concrete(world, route) };
    world.send(route.method, &path, actor.secret.as_deref(), document(world, route)).await
}

#[tokio::test]
async fn each_caller_may_what_the_decision_says_of_the_declared_right() {
    let world = World::new().await;
    let actors = world.actors().await;
    let ground = Ground::of(&world).await;
    let owner = actors.iter().find(|actor| actor.name == "owner").unwrap();
    let (mut cells, mut faults) = (0, Vec::new());
    for route in terrane_api::routes() {
        let Access::Right(action) = route.access else { continue };
        let path = concrete(&world, &route);
        let usual = if route.method == "GET" { Some(send(&world, &route, owner).await.status) } else { None };
        for actor in &actors {
            let is_allowed = ground.allows(&world, actor, action, &path).await;
            if is_allowed && route.method != "GET" {
                // It would change the world for the next ones; other tests let owners do it.
                continue;
            }
            let before = world.written();
            let answer = send(&world, &route, actor).await;
            let expected = match (&actor.caller, is_allowed) {
                (None, _) => StatusCode::UNAUTHORIZED,
                (Some(_), false) => StatusCode::NOT_FOUND,
                (Some(_), true) => usual.unwrap(),
            };
            cells += 1;
            if answer.status != expected {
                let (method, name, status) = (route.method, actor.name, answer.status);
                faults.push(format!("{method} {path} as {name}: {status}, not {expected}"));
            }
            if world.written() != before {
                faults.push(format!("{} {path} as {} wrote something", route.method, actor.name));
            }
        }
    }
    assert!(cells > 500, "{cells}");
    assert!(faults.is_empty(), "{} of {cells}:\n{}", faults.len(), faults.join("\n"));
}
