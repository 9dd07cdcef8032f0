//! Every route as every kind of caller: one golden table. A new route appears in it by itself.

use std::fmt::Write as _;

use terrane_api::{Access, Route};

use crate::world::World;

/// The route's path with this world's ids.
pub(crate) fn concrete(world: &World, route: &Route) -> String {
    path_of(route, |owner| world.id(owner).to_owned())
}

/// The route's path with ids by the word before them; things that do not exist here get a well-formed id.
pub(crate) fn path_of(route: &Route, mut id: impl FnMut(&str) -> String) -> String {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        path.push('/');
        match part.strip_prefix('{') {
            None => path.push_str(part),
            Some(parameter) => {
                let owner = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
                let id = match (owner.as_str(), parameter.trim_end_matches('}')) {
                    ("workspaces", "name") => "app".to_owned(),
                    ("state-versions", _) => "sv-1111111111111111".to_owned(),
                    ("state-version-outputs", _) => "wsout-1111111111111111".to_owned(),
                    (_, "purpose" | "resource" | "subject" | "expiry" | "signature") => "1".to_owned(),
                    (owner, _) => id(owner),
                };
                path.push_str(&id);
            }
        }
    }
    if route.access == Access::Runner {
        // The world's job was claimed once.
        path.push_str("?fence=1");
    }
    path
}

/// The address with ids of this world, and the places in the query that some lists take theirs from.
pub(crate) fn placed(world: &World, route: &Route) -> String {
    let path = concrete(world, route);
    let mark = if path.contains('?') { '&' } else { '?' };
    format!(
        "{path}{mark}filter[organization][name]=demo&filter[workspace][name]=app&filter[workspace][id]={}&filter[project][id]={}",
        world.id("workspaces"),
        world.id("projects")
    )
}

#[tokio::test]
async fn every_route_answers_every_kind_of_caller_as_written_down() {
    let world = World::new().await;
    let run_token = world.id("run-token").to_owned();
    // Only what changes nothing is sent: bodies are missing, so that a change that is let through ends as 4xx or is
    // shown to be harmless.
    let callers = [
        ("nobody", None),
        ("wrong", Some("no-such-token")),
        ("outsider", Some(world.outsider.as_str())),
        ("runner", Some(world.runner.as_str())),
        ("run", Some(run_token.as_str())),
        ("owner", Some(world.owner.as_str())),
    ];
    let mut table = String::new();
    let mut routes = terrane_api::routes();
    routes.sort_by_key(|route| (route.path, route.method));
    for route in routes {
        // A claim waits for work, and the rest of the runner's calls would end this world's job.
        if route.access == Access::Runner && route.path.ends_with("claim") {
            continue;
        }
        let path = concrete(&world, &route);
        let _ = write!(table, "{:5} {:<75}", route.method, route.path);
        for (name, token) in callers {
            if (name == "owner" || name == "runner") && route.method != "GET" {
                continue;
            }
            let answer = world.send(route.method, &path, token, Vec::new()).await;
            assert!(!answer.status.is_server_error(), "{} {} as {name}: {}", route.method, path, answer.status);
            let _ = write!(table, " {name}:{}", answer.status.as_u16());
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
