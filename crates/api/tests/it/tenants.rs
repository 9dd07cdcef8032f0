//! An organization's owner who tries the ids of another organization everywhere: in paths, relationships, attributes and
//! filters. Nothing of the other organization is shown or changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use terrane_api::{Access, Route};

use crate::matrix::{concrete, path_of};
use crate::world::{World, text};

const TRIES: u64 = 10_000;
/// Stands in texts of the attacked organization that no id tells.
const CANARY: &str = "canary";

/// Numbers that look random and are the same at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Makes the attacker's own organization with one of each common thing; their ids by kind.
async fn own_things(world: &World) -> BTreeMap<&'static str, String> {
    let post = async |path: &str, document: Value| {
        let body = document.to_string().into_bytes();
        let answer = world.send("POST", path, Some(&world.outsider), body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        text(&answer.json()["data"]["id"])
    };
    let named = |name: &str| json!({"data":{"attributes":{"name":name,"email":"own@example.org"}}});
    post("/api/v2/organizations", named("own")).await;
    let in_own = |kind: &str| format!("/api/v2/organizations/own/{kind}");
    let workspace = post(&in_own("workspaces"), named("app")).await;
    let variable = json!({"data":{"attributes":{"key":"own","category":"env"}}});
    BTreeMap::from([
        ("organizations", "own".to_owned()),
        ("projects", post(&in_own("projects"), named("own")).await),
        ("teams", post(&in_own("teams"), named("own")).await),
        ("vars", post(&format!("/api/v2/workspaces/{workspace}/vars"), variable).await),
        ("workspaces", workspace),
    ])
}

/// Puts the canary wherever the attacked organization has a text.
async fn plant(world: &World) {
    let attributes = json!({"description": CANARY, "value": CANARY, "email": format!("{CANARY}@example.org")});
    let document = json!({"data":{"attributes":attributes}});
    for kind in ["workspaces", "projects"] {
        let path = format!("/api/v2/{kind}/{}", world.id(kind));
        world.send("PATCH", &path, Some(&world.owner), document.to_string().into_bytes()).await;
    }
    world.owner_json("PATCH", "/api/v2/organizations/demo", &document).await;
    let variable = format!("/api/v2/workspaces/{}/vars/{}", world.id("workspaces"), world.id("vars"));
    world.owner_json("PATCH", &variable, &document).await;
}

/// All that the attacked organization's owner sees.
async fn seen_by_owner(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    for route in terrane_api::routes() {
        if route.method == "GET" && matches!(route.access, Access::Right(_)) {
            let path = concrete(world, &route);
            let answer = world.send("GET", &path, Some(&world.owner), Vec::new()).await;
            seen.push((path, answer.body));
        }
    }
    seen
}

/// A request with at least one of the attacked organization's ids.
struct Try {
    path: String,
    body: Vec<u8>,
    /// The foreign ids in it.
    sent: Vec<String>,
}

fn attempt(world: &World, own: &BTreeMap<&'static str, String>, route: &Route, dice: &mut Dice) -> Option<Try> {
    let mut sent = Vec::new();
    let mut choose = |kind: &str, dice: &mut Dice| match own.get(kind) {
        Some(id) if dice.below(2) == 0 => id.clone(),
        _ => {
            sent.push(world.id(kind).to_owned());
            world.id(kind).to_owned()
        }
    };
    let path = path_of(route, |kind| choose(kind, dice));
    let one = |kind: &str, id: String| json!({"data":{"type":kind,"id":id}});
    let many = |kind: &str, id: String| json!({"data":[{"type":kind,"id":id}]});
    let relationships = json!({
        "workspace": one("workspaces", choose("workspaces", dice)),
        "project": one("projects", choose("projects", dice)),
        "team": one("teams", choose("teams", dice)),
        "teams": many("teams", choose("teams", dice)),
        "configuration-version": one("configuration-versions", choose("configuration-versions", dice)),
        "default-agent-pool": one("agent-pools", choose("agent-pools", dice)),
        "allowed-workspaces": many("workspaces", choose("workspaces", dice)),
        "organization": one("organizations", choose("organizations", dice)),
    });
    let number = dice.below(1_000_000);
    let attributes = json!({
        "name": format!("tried-{number}"), "key": format!("tried_{number}"), "category": "env", "access": "admin",
        "email": format!("tried-{number}@example.org"), "agent-pool-id": choose("agent-pools", dice),
        "default-agent-pool-id": choose("agent-pools", dice), "visibility": "organization",
    });
    let filters = format!(
        "filter[workspace][id]={}&filter[project][id]={}&filter[organization][name]={}&filter[workspace][name]=app",
        choose("workspaces", dice),
        choose("projects", dice),
        choose("organizations", dice),
    );
    let list = many("workspaces", choose("workspaces", dice));
    // What is wholly the attacker's own may be changed, but is to stay.
    let is_own = !sent.iter().any(|id| path.contains(id.as_str()));
    if sent.is_empty() || (is_own && matches!(route.method, "DELETE" | "PATCH")) {
        return None;
    }
    let body = match route.method {
        "GET" => Vec::new(),
        _ if dice.below(4) == 0 => list.to_string().into_bytes(),
        _ => {
            let document = json!({"data":{"type":"anything","attributes":attributes,"relationships":relationships}});
            document.to_string().into_bytes()
        }
    };
    Some(Try { path: format!("{path}?{filters}"), body, sent })
}

#[tokio::test]
async fn the_ids_of_another_organization_lead_nowhere() {
    let world = World::new().await;
    let own = own_things(&world).await;
    plant(&world).await;
    seen_by_owner(&world).await;
    let before = seen_by_owner(&world).await;
    assert!(before.iter().any(|(_, body)| String::from_utf8_lossy(body).contains(CANARY)), "nothing was planted");
    let foreign: Vec<String> =
        world.ids.iter().map(|(_, id)| id.clone()).filter(|id| id.contains('-') && id.len() > 16).collect();
    let mut routes = terrane_api::routes();
    routes.retain(|route| matches!(route.access, Access::Right(_) | Access::Authenticated));
    let mut dice = Dice(1);
    let (mut tries, mut hits) = (0, Vec::new());
    while tries < TRIES {
        let route = routes[dice.below(routes.len())];
        let Some(Try { path, body, sent }) = attempt(&world, &own, &route, &mut dice) else { continue };
        tries += 1;
        let answer = world.send(route.method, &path, Some(&world.outsider), body).await;
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        let told = foreign.iter().find(|id| shown.contains(id.as_str()) && !sent.contains(id));
        if shown.contains(CANARY) || told.is_some() || answer.status.is_server_error() {
            hits.push(format!("{} {path}: {} {told:?}\n{shown}", route.method, answer.status));
        }
    }
    assert!(hits.is_empty(), "{} of {tries}, the first:\n{}", hits.len(), hits[0]);
    for ((path, was), (_, is)) in before.iter().zip(seen_by_owner(&world).await) {
        assert_eq!(String::from_utf8_lossy(was), String::from_utf8_lossy(&is), "{path}");
    }
}
