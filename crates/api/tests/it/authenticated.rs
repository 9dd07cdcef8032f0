//! Routes that no one right opens, as every kind of caller: who comes in is written here, once, by the table of
//! `api-tokens.mdx`.

use axum::http::StatusCode;
use serde_json::{Value, json};
use terrane_api::Access;
use terrane_domain::access::{CredentialKind, Principal};

use crate::actors::Actor;
use crate::matrix::concrete;
use crate::world::World;

/// What a route answers to the kinds of callers that may come at all. All others see nothing there: 404.
struct Expected {
    method: &'static str,
    path: &'static str,
    /// The person who owns everything here.
    owner: u16,
    /// Every other person, whatever the rights.
    person: u16,
    /// The token of a team, of which that person is not a member.
    team: u16,
    /// The token of the organization.
    organization: u16,
}

const fn expected(method: &'static str, path: &'static str, [owner, person, team, organization]: [u16; 4]) -> Expected {
    Expected { method, path, owner, person, team, organization }
}

/// What is sent changes nothing where it is let in, but for the last two; those come last in each list of callers.
const EXPECTED: &[Expected] = &[
    // Everyone is told who he is; only people have an account to change.
    expected("GET", "/api/v2/account/details", [200, 200, 200, 200]),
    expected("PATCH", "/api/v2/account/update", [422, 422, 404, 404]),
    expected("PATCH", "/api/v2/account/password", [422, 422, 404, 404]),
    // People make organizations. Each sees its own, which may be none.
    expected("GET", "/api/v2/organizations", [200, 200, 200, 200]),
    expected("POST", "/api/v2/organizations", [422, 422, 404, 404]),
    expected("GET", "/api/v2/organization-memberships", [200, 200, 200, 200]),
    // Of a person's tokens others see an empty list, and make none.
    expected("GET", "/api/v2/users/{user}/authentication-tokens", [200, 200, 200, 200]),
    expected("POST", "/api/v2/users/{user}/authentication-tokens", [422, 404, 404, 404]),
    // The owner administers this server.
    expected("GET", "/api/v2/admin/feature-sets", [200, 404, 404, 404]),
    expected("POST", "/api/v2/admin/organizations/{organization}/subscription", [422, 404, 404, 404]),
    // The token of another team: for who manages the teams' tokens.
    expected("GET", "/api/v2/authentication-tokens/{token}", [200, 404, 404, 200]),
    expected("DELETE", "/api/v2/authentication-tokens/{token}", [204, 404, 404, 204]),
];

/// A document that every route can read and none accepts.
fn document() -> Vec<u8> {
    let attributes = json!({
        "name": "not a name", "email": "not-an-address", "username": "not a name", "expired-at": "2000-01-01T00:00:00Z",
        "current-password": "one", "password": "two", "password-confirmation": "three",
    });
    let relationships = json!({"feature-set": {"data": {"type": "feature-sets", "id": "fs-1"}}});
    json!({"data": {"attributes": attributes, "relationships": relationships}}).to_string().into_bytes()
}

impl Expected {
    fn of(&self, actor: &Actor) -> u16 {
        let Some(caller) = &actor.caller else { return 401 };
        match (caller.kind, &caller.principal) {
            (CredentialKind::User, Principal::User(_)) if actor.name == "owner" => self.owner,
            (CredentialKind::User, _) => self.person,
            (CredentialKind::Team, _) => self.team,
            (CredentialKind::Organization, _) => self.organization,
            _ => 404,
        }
    }
}

#[tokio::test]
async fn each_kind_of_caller_is_let_in_as_it_is_written_down() {
    let world = World::new().await;
    let mut actors = world.actors().await;
    // Who may delete comes last: afterwards there is nothing to see.
    actors.sort_by_key(|actor| (matches!(actor.name, "owner" | "organization"), actor.name == "owner"));
    let mut routes = terrane_api::routes();
    routes.retain(|route| matches!(route.access, Access::Authenticated | Access::Person));
    assert_eq!(routes.len(), EXPECTED.len(), "each of these routes is written down once: {routes:?}");
    let mut faults = Vec::new();
    for expected in EXPECTED {
        let found = routes.iter().find(|route| (route.method, route.path) == (expected.method, expected.path));
        let route = found.unwrap_or_else(|| panic!("{} {} is no such route", expected.method, expected.path));
        let path = concrete(&world, route);
        for actor in &actors {
            let is_deleted = (route.method, actor.name) == ("DELETE", "owner");
            let expected = if is_deleted { 404 } else { expected.of(actor) };
            let before = world.written();
            let body = if route.method == "GET" { Vec::new() } else { document() };
            let answer = world.send(route.method, &path, actor.secret.as_deref(), body).await;
            if answer.status.as_u16() != expected {
                faults.push(format!(
                    "{} {path} as {}: {}, not {expected}: {}",
                    route.method,
                    actor.name,
                    answer.status,
                    answer.json()
                ));
            }
            if answer.status != StatusCode::NO_CONTENT && world.written() != before {
                faults.push(format!("{} {path} as {} wrote something", route.method, actor.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn of_anothers_tokens_memberships_and_organizations_nothing_is_listed() {
    let world = World::new().await;
    let tokens = format!("/api/v2/users/{}/authentication-tokens", world.id("users"));
    for path in [tokens.as_str(), "/api/v2/organizations", "/api/v2/organization-memberships"] {
        let count = async |token: &str| {
            let list = world.send("GET", path, Some(token), Vec::new()).await.json();
            list["data"].as_array().map_or(0, |list: &Vec<Value>| list.len())
        };
        assert!(count(&world.owner).await > 0, "{path}");
        assert_eq!(count(&world.outsider).await, 0, "{path}");
    }
}
