//! What a request may not write it does not write, whatever it says: every route that takes a document gets back all that
//! is shown of the thing, with other values. What each resource lets be written is data, in `mass_assignment/decisions.rs`.

pub(crate) mod decisions;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use terrane_api::Route;

use crate::matrix::concrete;
use crate::world::{World, text};
use decisions::{Resource, When, Written, resources};

/// A route that takes a document, what that is the document of, and where it is read.
pub(crate) struct Writer {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    /// Where the thing is shown, if not at the same path: of PATCH routes.
    shown: Option<&'static str>,
}

const fn post(path: &'static str, kind: &'static str) -> Writer {
    Writer { method: "POST", path, kind, shown: None }
}

const fn patch(path: &'static str, kind: &'static str) -> Writer {
    Writer { method: "PATCH", path, kind, shown: None }
}

impl Writer {
    const fn shown_at(self, path: &'static str) -> Self {
        Self { shown: Some(path), ..self }
    }
}

pub(crate) const WRITERS: &[Writer] = &[
    patch("/api/v2/account/password", "password").shown_at("/api/v2/account/details"),
    patch("/api/v2/account/update", "users").shown_at("/api/v2/account/details"),
    post("/api/v2/admin/organizations/{organization}/subscription", "subscriptions"),
    patch("/api/v2/agent-pools/{agent_pool}", "agent-pools"),
    post("/api/v2/organizations", "organizations"),
    patch("/api/v2/organizations/{organization}", "organizations"),
    post("/api/v2/organizations/{organization}/agent-pools", "agent-pools"),
    post("/api/v2/organizations/{organization}/authentication-token", "authentication-token"),
    post("/api/v2/organizations/{organization}/organization-memberships", "organization-memberships"),
    post("/api/v2/organizations/{organization}/projects", "projects"),
    post("/api/v2/organizations/{organization}/reserved-tag-keys", "reserved-tag-keys"),
    post("/api/v2/organizations/{organization}/teams", "teams"),
    post("/api/v2/organizations/{organization}/workspaces", "workspaces"),
    patch("/api/v2/organizations/{organization}/workspaces/{name}", "workspaces"),
    patch("/api/v2/projects/{project}", "projects"),
    patch("/api/v2/reserved-tag-keys/{reserved_tag_key}", "reserved-tag-keys")
        .shown_at("/api/v2/organizations/{organization}/reserved-tag-keys"),
    patch("/api/v2/reserved-tags/{reserved_tag_key}", "reserved-tag-keys")
        .shown_at("/api/v2/organizations/{organization}/reserved-tag-keys"),
    post("/api/v2/runs", "runs"),
    post("/api/v2/runs/{run}/comments", "comments"),
    post("/api/v2/team-projects", "team-projects"),
    patch("/api/v2/team-projects/{access}", "team-projects"),
    post("/api/v2/team-workspaces", "team-workspaces"),
    patch("/api/v2/team-workspaces/{access}", "team-workspaces"),
    patch("/api/v2/teams/{team}", "teams"),
    post("/api/v2/teams/{team}/authentication-token", "authentication-token"),
    post("/api/v2/teams/{team}/authentication-tokens", "authentication-tokens"),
    post("/api/v2/users/{user}/authentication-tokens", "authentication-tokens"),
    post("/api/v2/vars", "vars"),
    patch("/api/v2/vars/{variable}", "vars").shown_at("/api/v2/workspaces/{workspace}/vars/{variable}"),
    patch("/api/v2/workspaces/{workspace}", "workspaces"),
    post("/api/v2/workspaces/{workspace}/configuration-versions", "configuration-versions"),
    post("/api/v2/workspaces/{workspace}/state-versions", "state-versions"),
    post("/api/v2/workspaces/{workspace}/vars", "vars"),
    patch("/api/v2/workspaces/{workspace}/vars/{variable}", "vars"),
];

/// Whether the route takes something else than the document of one thing: lists of references, the one state to go back
/// to, or a remark on an action.
fn takes_no_document(route: &Route) -> bool {
    let path = route.path;
    let is_list = path.contains("/relationships/") || path.ends_with("/tag-bindings");
    let is_rollback = route.method == "PATCH" && path.ends_with("/state-versions");
    let is_other = is_rollback || path.starts_with("/oauth/") || path.starts_with("/api/runner/");
    !matches!(route.method, "POST" | "PATCH") || is_list || is_other || path.contains("/actions/")
}

/// What is shown of a thing, relations under their names after `@`.
fn shown(resource: &Value) -> Map<String, Value> {
    let mut all = resource["attributes"].as_object().unwrap().clone();
    for (name, relation) in resource["relationships"].as_object().into_iter().flatten() {
        all.insert(format!("@{name}"), relation.clone());
    }
    all
}

/// Things beside those that the sweep writes to, by type: real ones, which a request could be attached to.
type Others = BTreeMap<&'static str, String>;

async fn others(world: &World) -> Others {
    let make = async |kind: &str| {
        let attributes = json!({"name": "beside", "email": "beside@example.org"});
        world.make(&format!("/api/v2/organizations{kind}"), &attributes).await
    };
    let outsider = world.send("GET", "/api/v2/account/details", Some(&world.outsider), Vec::new()).await.json();
    BTreeMap::from([
        ("organizations", make("").await),
        ("teams", make("/demo/teams").await),
        ("projects", make("/demo/projects").await),
        ("workspaces", make("/demo/workspaces").await),
        ("agent-pools", make("/demo/agent-pools").await),
        ("users", text(&outsider["data"]["id"])),
        ("runs", world.id("runs").to_owned()),
        ("vars", world.id("vars").to_owned()),
    ])
}

/// Another value of the same form.
fn other(others: &Others, name: &str, value: &Value) -> Value {
    let id_of = |kind: &str| others.get(kind).map_or("forged-1111111111111111", String::as_str);
    let kind = |data: &Value| {
        data["type"].as_str().map_or_else(|| format!("{}s", name.trim_start_matches('@')), str::to_owned)
    };
    match value {
        Value::Object(relation) if name.starts_with('@') => {
            let data = relation.get("data").unwrap_or(&Value::Null);
            let kind = kind(if data.is_array() { &data[0] } else { data });
            let forged = json!({"type": kind, "id": id_of(&kind)});
            if data.is_array() { json!({"data": [forged]}) } else { json!({"data": forged}) }
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), other(others, name, value))).collect::<Map<_, _>>().into()
        }
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_i64().unwrap() + 1000),
        Value::Array(_) => json!(["forged"]),
        Value::String(text) if text.contains('T') && text.ends_with('Z') => json!("2001-02-03T04:05:06.789Z"),
        Value::String(_) | Value::Null => json!("forged"),
    }
}

/// Whether any part of what was sent is what is shown now.
fn took(shown: &Value, sent: &Value) -> bool {
    match (shown, sent) {
        (Value::Object(shown), Value::Object(sent)) => {
            // Of a relation the id counts: its type is the same for all.
            let mut members = sent.iter().filter(|(name, _)| *name != "type");
            members.any(|(name, sent)| shown.get(name).is_some_and(|shown| took(shown, sent)))
        }
        (Value::Array(shown), Value::Array(sent)) if !sent.is_empty() => {
            sent.iter().all(|sent| shown.iter().any(|shown| took(shown, sent)))
        }
        // A relation that is written by an attribute of its id.
        (Value::Object(shown), Value::String(_)) => shown.get("data").is_some_and(|data| data["id"] == *sent),
        _ => shown == sent,
    }
}

pub(crate) fn document(kind: &str, members: &Map<String, Value>) -> Vec<u8> {
    let (relations, attributes): (Map<_, _>, Map<_, _>) =
        members.clone().into_iter().partition(|(name, _)| name.starts_with('@'));
    let relations: Map<String, Value> =
        relations.into_iter().map(|(name, value)| (name.trim_start_matches('@').to_owned(), value)).collect();
    let data = json!({"type": kind, "id": "forged", "attributes": attributes, "relationships": relations});
    json!({ "data": data }).to_string().into_bytes()
}

/// All that must stay: the document, and the lists that it only links to.
async fn seen(world: &World, token: &str, path: &str, id: Option<&str>) -> (Value, Vec<Value>) {
    let read = async |path: &str| world.send("GET", path, Some(token), Vec::new()).await.json();
    let found = read(path).await["data"].take();
    let resource = match found.as_array() {
        Some(list) => list.iter().find(|one| one["id"].as_str() == id).unwrap().clone(),
        None => found,
    };
    let mut lists = Vec::new();
    for relation in resource["relationships"].as_object().into_iter().flat_map(Map::values) {
        if let Some(path) = relation["links"]["related"].as_str() {
            let found = read(path.trim_start_matches("http://localhost")).await["data"].take();
            // The one thing that a relation links to is no part of this one.
            lists.extend(Some(found).filter(Value::is_array));
        }
    }
    (resource, lists)
}

/// `members` and what may be written.
fn with(mut members: Map<String, Value>, written: &Written) -> Map<String, Value> {
    members.extend(written.with.as_object().unwrap().clone());
    members.insert(written.name.to_owned(), written.value.clone());
    members
}

struct Sweep<'a> {
    world: &'a World,
    token: &'a str,
    writer: &'a Writer,
    resource: &'a Resource,
    others: Others,
    faults: Vec<String>,
}

impl Sweep<'_> {
    fn fault(&mut self, what: &str) {
        self.faults.push(format!("{} {}: {what}", self.writer.method, self.writer.path));
    }

    /// Every name is either written or fixed: a new one needs a decision.
    fn judge_names(&mut self, shown: &Map<String, Value>) {
        let written = self.resource.written.iter().map(|written| written.name);
        let decided: BTreeSet<&str> = written.chain(self.resource.fixed.iter().copied()).collect();
        for name in shown.keys().filter(|name| !decided.contains(name.as_str())) {
            self.fault(&format!("{name} of {} is not decided", self.resource.kind));
        }
    }

    /// Everything fixed, with other values than `shown`; also under names with underscores.
    fn forged(&self, shown: &Map<String, Value>) -> Map<String, Value> {
        let mut forged = Map::new();
        for name in &self.resource.fixed {
            let value = other(&self.others, name, shown.get(*name).unwrap_or(&Value::Null));
            forged.insert(name.replace('-', "_"), value.clone());
            forged.insert((*name).to_owned(), value);
        }
        forged
    }

    async fn send(&mut self, path: &str, members: &Map<String, Value>) -> Option<Map<String, Value>> {
        let body = document(self.resource.kind, members);
        let answer = self.world.send(self.writer.method, path, Some(self.token), body).await;
        if answer.status.is_success() {
            return Some(shown(&answer.json()["data"]));
        }
        self.fault(&format!("{} {} for {members:?}", answer.status, answer.json()["errors"][0]));
        None
    }

    fn judge_written(&mut self, written: &Written, answer: &Map<String, Value>) {
        let Some(name) = written.shown else { return };
        if !answer.get(name).is_some_and(|shown| took(shown, &written.value)) {
            self.fault(&format!("{} does not take {}: {:?}", written.name, written.value, answer.get(name)));
        }
    }

    async fn patch(&mut self, base: &Map<String, Value>) {
        let route = |path| Route { method: "GET", path, access: terrane_api::Access::Authenticated };
        let path = concrete(self.world, &route(self.writer.path));
        let at = concrete(self.world, &route(self.writer.shown.unwrap_or(self.writer.path)));
        let id = path.rsplit('/').next();
        let before = seen(self.world, self.token, &at, id).await;
        let all = shown(&before.0);
        self.judge_names(&all);
        let mut forged = self.forged(&all);
        forged.extend(base.clone());
        self.send(&path, &forged).await;
        let (mut after, lists) = seen(self.world, self.token, &at, id).await;
        for name in self.resource.moves {
            assert!(!took(&after["attributes"][name], &forged[*name]), "{name}");
            after["attributes"][name] = before.0["attributes"][name].clone();
        }
        if (&after, &lists) != (&before.0, &before.1) {
            self.fault(&format!("changed\n{}\n{}\nto\n{after}\n{}", before.0, json!(before.1), json!(lists)));
        }
        for written in self.resource.written.iter().filter(|written| written.when != When::Creation) {
            if let Some(answer) = self.send(&path, &with(base.clone(), written)).await {
                self.judge_written(written, &answer);
            }
        }
    }

    async fn post(&mut self) {
        let mut number = 0;
        let mut next = || {
            number += 1;
            number
        };
        let (path, least) = creation(self.world, self.writer.path, next()).await;
        let Some(twin) = self.send(&path, &least).await else { return };
        self.judge_names(&twin);
        let forged = self.forged(&twin);
        let (path, least) = creation(self.world, self.writer.path, next()).await;
        let mut members = forged.clone();
        members.extend(least);
        if let Some(made) = self.send(&path, &members).await {
            for name in &self.resource.fixed {
                if made.get(*name).is_some_and(|made| took(made, &forged[*name])) {
                    self.fault(&format!("{name} was taken: {}", made[*name]));
                }
            }
        }
        for written in self.resource.written.iter().filter(|written| written.when != When::Change) {
            let (path, least) = creation(self.world, self.writer.path, next()).await;
            if least.contains_key(written.name) {
                continue;
            }
            if let Some(made) = self.send(&path, &with(least, written)).await {
                self.judge_written(written, &made);
            }
        }
    }
}

/// What a change at this route must say.
pub(crate) async fn least_change(world: &World, path: &str) -> Map<String, Value> {
    if path != "/api/v2/account/password" {
        return Map::new();
    }
    let password = terrane_app::bootstrap::dev_password(&world.app, None).await.unwrap().unwrap().password;
    let password = password.reveal();
    let least = json!({"current-password": password, "password": password, "password-confirmation": password});
    least.as_object().unwrap().clone()
}

/// The least that makes a thing at this route, a new one for each number; and the route's path.
pub(crate) async fn creation(world: &World, path: &'static str, number: u32) -> (String, Map<String, Value>) {
    let name = format!("made-{number}");
    let relation = |kind: &str, id: &str| json!({"data": {"type": kind, "id": id}});
    let route = Route { method: "POST", path, access: terrane_api::Access::Authenticated };
    let mut concrete = concrete(world, &route);
    let new_workspace = async || world.make("/api/v2/organizations/demo/workspaces", &json!({"name": name})).await;
    let least = match path.rsplit('/').next().unwrap() {
        "organizations" => json!({"name": name, "email": "made@example.org"}),
        "subscription" => json!({"@feature-set": relation("feature-sets", "fs-terrane1111111111")}),
        "agent-pools" | "projects" | "teams" | "workspaces" => json!({ "name": name }),
        "organization-memberships" => json!({"email": format!("{name}@example.org")}),
        "reserved-tag-keys" => json!({ "key": name }),
        "vars" if path == "/api/v2/vars" => {
            let workspace = relation("workspaces", world.id("workspaces"));
            json!({"key": name, "category": "env", "@workspace": workspace})
        }
        "vars" => json!({"key": name, "category": "env"}),
        "authentication-tokens" => json!({ "description": name }),
        "comments" => json!({ "body": name }),
        "runs" => json!({"@workspace": relation("workspaces", world.id("workspaces"))}),
        "team-workspaces" => {
            let (team, workspace) = (world.id("teams"), new_workspace().await);
            json!({"access": "custom", "@team": relation("teams", team), "@workspace": relation("workspaces", &workspace)})
        }
        "team-projects" => {
            let project = world.make("/api/v2/organizations/demo/projects", &json!({"name": name})).await;
            let team = world.id("teams");
            json!({"access": "custom", "@team": relation("teams", team), "@project": relation("projects", &project)})
        }
        "state-versions" => {
            // In the workspace of the run that is said to have made the state, where there is one.
            let path = "/api/v2/organizations/demo/workspaces/states";
            let found = world.send("GET", path, Some(&world.owner), Vec::new()).await;
            let workspace =
                if found.status.is_success() { text(&found.json()["data"]["id"]) } else { new_workspace().await };
            // The same person's lock is no hindrance.
            world
                .status("POST", &format!("/api/v2/workspaces/{workspace}/actions/lock"), &world.owner, &Value::Null)
                .await;
            concrete = format!("/api/v2/workspaces/{workspace}/state-versions");
            json!({"serial": 1, "lineage": "lineage", "md5": "4a8fa7d5bd0dbf62a23a9dbc9a9f7bd6"})
        }
        _ => json!({}),
    };
    (concrete, least.as_object().unwrap().clone())
}

#[test]
fn every_route_that_takes_a_document_is_swept() {
    let mut routes = terrane_api::routes();
    routes.retain(|route| !takes_no_document(route));
    let routes: BTreeSet<_> = routes.iter().map(|route| (route.path, route.method)).collect();
    let writers: BTreeSet<_> = WRITERS.iter().map(|writer| (writer.path, writer.method)).collect();
    assert_eq!(writers, routes);
}

#[tokio::test]
async fn only_what_may_be_written_is_written_when_a_request_sends_everything_back() {
    let mut faults = Vec::new();
    for writer in WRITERS {
        let world = World::new().await;
        let resources = resources(&world).await;
        let resource = resources.iter().find(|resource| resource.kind == writer.kind).unwrap();
        // Who does not administer the server would like to.
        let token = if writer.path == "/api/v2/account/update" { &world.outsider } else { &world.owner };
        let others = others(&world).await;
        let mut sweep = Sweep { world: &world, token, writer, resource, others, faults: Vec::new() };
        match writer.method {
            "POST" => sweep.post().await,
            _ => sweep.patch(&least_change(&world, writer.path).await).await,
        }
        faults.append(&mut sweep.faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
