//! A request that is refused for its `include` has changed nothing: whoever reads 400 sends it again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use terrane_api::{Access, Route};

use crate::mass_assignment::{WRITERS, creation, document, least_change};
use crate::matrix::path_of;
use crate::world::World;

/// The address and a body that this route takes; what is done to a workspace is done to one that nobody holds.
async fn request(world: &World, free: &str, route: &Route, number: u32) -> (String, Vec<u8>) {
    let concrete = path_of(route, |owner| if owner == "workspaces" { free } else { world.id(owner) }.to_owned());
    let writer = WRITERS.iter().find(|writer| (writer.method, writer.path) == (route.method, route.path));
    let Some(writer) = writer else {
        let lists = route.path.contains("/relationships/") || route.path.ends_with("/tag-bindings");
        return (concrete, if lists { br#"{"data":[]}"#.to_vec() } else { Vec::new() });
    };
    let (path, members) = match writer.method {
        "POST" => creation(world, writer.path, number).await,
        _ => (concrete, least_change(world, writer.path).await),
    };
    (path, document(writer.kind, &members))
}

#[tokio::test]
async fn a_change_whose_include_is_refused_is_not_made() {
    let world = World::new().await;
    let free = world.make("/api/v2/organizations/demo/workspaces", &json!({"name":"free"})).await;
    let mut routes = terrane_api::routes();
    routes.retain(|route| route.method != "GET" && matches!(route.access, Access::Right(_) | Access::Authenticated));
    // What takes away what others need comes last.
    routes.sort_by_key(|route| (route.method == "DELETE" || route.path.contains("delete"), route.path));
    let (mut made_all_the_same, mut refused) = (Vec::new(), BTreeSet::new());
    for (number, route) in (1..).zip(&routes) {
        let (path, body) = request(&world, &free, route, number).await;
        if path.ends_with("/actions/force-unlock") {
            world.status("POST", &path.replace("force-unlock", "lock"), &world.owner, &Value::Null).await;
        }
        let before = world.written();
        let mark = if path.contains('?') { '&' } else { '?' };
        let asked = format!("{path}{mark}include=nonsense");
        if world.send(route.method, &asked, Some(&world.owner), body.clone()).await.status != 400 {
            continue;
        }
        if world.written() != before {
            made_all_the_same.push(format!("{} {}", route.method, route.path));
        }
        if world.send(route.method, &path, Some(&world.owner), body).await.status.is_success() {
            refused.insert(format!("{} {}", route.method, route.path));
        }
    }
    assert!(made_all_the_same.is_empty(), "refused, and done:\n{}", made_all_the_same.join("\n"));
    // That much of it is the include's doing: the same request without it is accepted.
    let includes =
        ["/projects", "/projects/{project}", "/workspaces/{workspace}", "/actions/lock", "/actions/force-unlock"];
    let has = |end: &str| refused.iter().any(|route| route.ends_with(end));
    assert!(includes.iter().all(|end| has(end)), "{refused:?}");
}
