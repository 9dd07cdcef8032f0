//! What no honest client sends: NUL, a megabyte, numbers out of every range, depth, a thousand filters. No route fails of
//! it, and both databases answer alike.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Map, Value, json};
use terrane_api::{Access, Route};
use tower::ServiceExt as _;

use crate::mass_assignment::decisions::{When, resources};
use crate::mass_assignment::{WRITERS, creation, document};
use crate::matrix::{concrete, placed};
use crate::postgres;
use crate::world::World;

/// How many of the parameters are for addresses of one thing too.
const OF_ONE: usize = 6;

/// What the addresses of lists may be narrowed and ordered by, known there or not.
const PARAMETERS: &[&str] = &[
    "include",
    "token",
    "fence",
    "limit",
    "offset",
    "sort",
    "q",
    "q[name]",
    "q[email]",
    "search[name]",
    "search[wildcard-name]",
    "search[tags]",
    "search[exclude-tags]",
    "filter[names]",
    "filter[email]",
    "filter[status]",
    "filter[operation]",
    "filter[current-run][status]",
    "filter[project][id]",
    "filter[workspace][id]",
    "filter[workspace][name]",
    "filter[organization][name]",
    "filter[team][id]",
    "filter[tagged][0][key]",
    "filter[tagged][0][value]",
    "filter[permissions][update]",
    "filter[exclude][taggable][id]",
    "filter[allowed_workspaces][name]",
];

/// Parts of an address: a NUL, what is no UTF-8, letters from everywhere with wildcards, many letters.
fn address_parts() -> Vec<(&'static str, String)> {
    vec![
        ("NUL", "a%00b".to_owned()),
        ("no UTF-8", "%FF%FE".to_owned()),
        ("unicode and wildcards", "%E2%98%83%F0%9F%A6%80%E2%80%AE%25_*%5C'%22".to_owned()),
        ("long", "a".repeat(5_000)),
    ]
}

/// Values of attributes.
fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("NUL", json!("a\0b")),
        ("unicode", json!("☃ẞ🦀\u{202e}e\u{301}\u{fffd}")),
        ("a megabyte", json!("n".repeat(1_000_000))),
        ("empty", json!("")),
        ("negative", json!(i64::MIN)),
        ("large", json!(u64::MAX)),
        ("larger", json!(1e300)),
        ("list", json!([["a\0b"], "\0", null])),
        ("object", json!({"a\0b": {"\0": "\0"}, "access": "\0"})),
    ]
}

/// Whole bodies.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |depth: usize| format!(r#"{{"data":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)).into_bytes();
    let listed = |count: usize, member: Value| json!({"data": vec![member; count]}).to_string().into_bytes();
    let named =
        |text: &str| json!({"type": text, "id": text, "attributes": {"name": text, "key": text, "value": text}});
    let attributes = |text: &str| json!({"type": "tags", "attributes": {"name": text, "key": text, "value": text}});
    vec![
        ("65 deep", deep(64)),
        ("200 deep", deep(200)),
        ("100,000 deep", deep(100_000)),
        ("no UTF-8", b"{\"data\":\"\xff\"}".to_vec()),
        ("half a surrogate", br#"{"data":{"attributes":{"name":"\ud800"}}}"#.to_vec()),
        ("a list", b"[1,2]".to_vec()),
        ("a text", b"\"\\u0000\"".to_vec()),
        ("a NUL byte", b"{\"data\":\0}".to_vec()),
        ("a member of NUL", br#"{"data":{"attributes":{"na\u0000me":1}},"\u0000":1}"#.to_vec()),
        ("a remark of NUL", br#"{"comment":"a\u0000b","reason":"a\u0000b"}"#.to_vec()),
        ("a reference of NUL", listed(1, named("a\0b"))),
        ("a word of NUL", listed(1, attributes("a\0b"))),
        ("a word of unicode", listed(1, attributes("☃🦀\u{202e}"))),
        ("a long word", listed(1, attributes(&"n".repeat(300_000)))),
        ("1,000 words", listed(1000, attributes("many"))),
        ("1,001 references", listed(1001, named("ws-1111111111111111"))),
        ("3 MB", vec![b' '; 3_000_000]),
    ]
}

/// Bodies of the runners' protocol.
fn reports() -> Vec<(&'static str, Value)> {
    let finish = json!({
        "fence": 1, "outcome": "errored", "reason": "plan-failed", "message": "\0", "log_length": 0,
        "has_changes": true, "counts": {"additions": i64::MIN, "changes": -1, "destructions": i64::MAX, "imports": 0},
    });
    vec![
        ("nothing", Value::Null),
        ("a fence out of range", json!({"fence": u64::MAX})),
        ("another fence", json!({"fence": i64::MIN})),
        ("a runner of NUL", json!({"fence": 1, "runner_id": "\0", "name": "\0"})),
        ("an end with NUL", finish),
    ]
}

/// The requests and what came of them, under names that are the same on every database.
struct Probe<'a> {
    world: &'a World,
    statuses: BTreeMap<String, u16>,
}

impl Probe<'_> {
    async fn send(&mut self, what: String, method: &str, path: &str, body: Vec<u8>) {
        let token = if path.starts_with("/api/runner/") { &self.world.runner } else { &self.world.owner };
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let response = self.world.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        assert!(status < 500, "{what}: {status}");
        assert!(self.statuses.insert(what.clone(), status).is_none(), "{what} twice");
    }

    async fn addresses(&mut self, route: &Route) {
        let (method, path) = (route.method, route.path);
        for (name, part) in address_parts() {
            for parameter in path.split('/').filter(|part| part.starts_with('{')) {
                // The others are as they should be, so that this one is looked at.
                let (before, after) = path.split_once(parameter).unwrap();
                let known = |part: &'static str| Route { path: part, ..*route };
                let after = concrete(self.world, &known(after)).split('?').next().unwrap().to_owned();
                let after = if after == "/" { "" } else { &after };
                let before = concrete(self.world, &known(before.trim_end_matches('/')));
                let before = before.split('?').next().unwrap();
                let address = format!("{before}/{part}{after}");
                self.send(format!("{method} {path} {parameter}={name}"), method, &address, Vec::new()).await;
            }
        }
    }

    /// Whether there is a list, or would be for who says of what.
    async fn is_list(&self, address: &str) -> bool {
        let answer = self.world.send("GET", address, Some(&self.world.owner), Vec::new()).await;
        answer.status == 400 || answer.json()["data"].is_array()
    }

    async fn queries(&mut self, route: &Route) {
        let (method, path) = (route.method, route.path);
        let address = placed(self.world, route);
        let bare = concrete(self.world, route);
        let mut queries = Vec::new();
        // What shows one thing reads few of them.
        let narrowed = if self.is_list(&address).await { PARAMETERS } else { &PARAMETERS[..OF_ONE] };
        for parameter in narrowed {
            for (name, part) in address_parts() {
                queries.push((format!("{parameter}={name}"), format!("{parameter}={part}")));
            }
        }
        for parameter in ["include", "filter[names]", "search[tags]", "filter[email]"] {
            queries.push((format!("1,000 {parameter}"), vec![format!("{parameter}=a"); 1000].join("&")));
            queries.push((format!("{parameter} of 1,000"), format!("{parameter}={}", vec!["a"; 1000].join(","))));
        }
        let tagged = (0..1000).map(|index| format!("filter[tagged][{index}][key]=k{index}"));
        queries.push(("1,000 tags".to_owned(), tagged.collect::<Vec<_>>().join("&")));
        for parameter in ["page[size]", "page[number]"] {
            for number in ["0", "-1", "1000000000", "4294967295", "99999999999999999999", "1.5", "%00", "%E2%98%83"] {
                queries.push((format!("{parameter}={number}"), format!("{parameter}={number}")));
            }
        }
        let mark = if bare.contains('?') { '&' } else { '?' };
        for (name, query) in queries {
            self.send(format!("{method} {path} {name}"), method, &format!("{bare}{mark}{query}"), Vec::new()).await;
            if query.len() < 10_000 && bare == path {
                let what = format!("{method} {path} {name}, with places");
                self.send(what, method, &format!("{address}&{query}"), Vec::new()).await;
            }
        }
    }

    async fn bodies(&mut self, route: &Route) {
        let path = concrete(self.world, route);
        for (name, body) in bodies() {
            self.send(format!("{} {} {name}", route.method, route.path), route.method, &path, body).await;
        }
        if route.access == Access::Runner {
            for (name, body) in reports() {
                let what = format!("{} {} {name}", route.method, route.path);
                self.send(what, route.method, &path, body.to_string().into_bytes()).await;
            }
        }
    }

    async fn attributes(&mut self) {
        let (resources, mut number) = (resources(self.world).await, 0);
        for writer in WRITERS {
            let resource = resources.iter().find(|resource| resource.kind == writer.kind).unwrap();
            let never = if writer.method == "POST" { When::Change } else { When::Creation };
            for name in resource.written.iter().filter(|written| written.when != never).map(|written| written.name) {
                for (hostile, value) in values() {
                    number += 1;
                    let route = Route { method: writer.method, path: writer.path, access: Access::Authenticated };
                    let (path, mut members) = if writer.method == "POST" {
                        creation(self.world, writer.path, number).await
                    } else {
                        (concrete(self.world, &route), Map::new())
                    };
                    let value =
                        if name.starts_with('@') { json!({"data": {"type": value, "id": value}}) } else { value };
                    members.insert(name.to_owned(), value);
                    let what = format!("{} {} {name}={hostile}", writer.method, writer.path);
                    self.send(what, writer.method, &path, document(writer.kind, &members)).await;
                }
            }
        }
    }
}

async fn statuses(world: &World) -> BTreeMap<String, u16> {
    let mut probe = Probe { world, statuses: BTreeMap::new() };
    for route in terrane_api::routes() {
        // A claim waits for work.
        if route.path.ends_with("/claim") {
            continue;
        }
        probe.addresses(&route).await;
        if route.method == "GET" {
            probe.queries(&route).await;
        } else if route.method != "DELETE" || route.path.contains("/relationships/") || route.path.ends_with("/tags") {
            probe.bodies(&route).await;
        }
    }
    probe.attributes().await;
    probe.statuses
}

#[tokio::test]
async fn no_request_makes_the_server_fail_and_both_databases_answer_alike() {
    let answers: Mutex<Vec<BTreeMap<String, u16>>> = Mutex::default();
    postgres::each(async |url| {
        let world = World::on(url).await;
        let found = statuses(&world).await;
        answers.lock().unwrap().push(found);
    })
    .await;
    let answers = answers.into_inner().unwrap();
    let first = &answers[0];
    assert!(first.len() > 5000, "{}", first.len());
    assert_eq!(first["POST /api/runner/v1/jobs/{job}/finish an end with NUL"], 204);
    for name in ["0", "-1"] {
        assert_eq!(first[&format!("GET /api/v2/organizations/{{organization}}/workspaces page[size]={name}")], 400);
    }
    assert_eq!(first["GET /api/v2/organizations/{organization}/workspaces page[size]=1000000000"], 200);
    for other in &answers[1..] {
        let differs = |(what, status): &(&String, &u16)| other.get(*what) != Some(*status);
        let faults: Vec<_> =
            first.iter().filter(differs).map(|(what, status)| (what, status, other.get(what))).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
