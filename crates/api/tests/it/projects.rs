//! Projects: settings, lists, moves, and their end.

use serde_json::{Value, json};

use crate::workspaces::{owner, refusal, with_attributes};
use crate::world::{World, text};

const PROJECTS: &str = "/api/v2/organizations/demo/projects";

async fn make(world: &World, name: &str) -> String {
    text(&world.owner_json("POST", PROJECTS, &with_attributes(&json!({"name": name}))).await["data"]["id"])
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_with_the_place_and_the_reason() {
    let world = World::new().await;
    let path = format!("/api/v2/projects/{}", make(&world, "Second one").await);
    let before = world.owner_json("GET", &path, &Value::Null).await;
    let cases = [
        (json!({"name": "ab"}), "name", "Name may only contain"),
        (json!({"name": "a".repeat(41)}), "name", "Name may only contain"),
        (json!({"name": "a".repeat(1_000_000)}), "name", "Name may only contain"),
        (json!({"name": "default PROJECT"}), "name", "Name has already been taken"),
        (json!({"name": "a\0bc"}), "name", "NUL"),
        (json!({"description": "é".repeat(257)}), "description", "256"),
        (json!({"description": "\0"}), "description", "NUL"),
        (
            json!({"auto-destroy-activity-duration": "bar"}),
            "auto-destroy-activity-duration",
            "we expect up to 4 numeric digits",
        ),
        (
            json!({"default-execution-mode": "agent"}),
            "default-agent-pool-id",
            "must be specified when using 'agent' execution mode",
        ),
        (
            json!({"default-execution-mode": "local", "default-agent-pool-id": "apool-1111111111111111"}),
            "default-agent-pool-id",
            "must not be specified unless using 'agent' execution mode",
        ),
        (
            json!({"default-execution-mode": "agent", "default-agent-pool-id": "apool-1111111111111111"}),
            "default-agent-pool-id",
            "does not exist",
        ),
        (
            json!({"setting-overwrites": {"default-execution-mode": true, "default-agent-pool": false}}),
            "setting-overwrites",
            "must be the same",
        ),
    ];
    for (attributes, attribute, reason) in cases {
        let shown: String = attributes.to_string().chars().take(80).collect();
        let (status, place, detail) = refusal(&owner(&world, "PATCH", &path, &with_attributes(&attributes)).await);
        assert_eq!((status, place), (422, format!("/data/attributes/{attribute}")), "{shown}");
        assert!(detail.contains(reason), "{shown}: {detail}");
    }
    let taken = owner(&world, "POST", PROJECTS, &with_attributes(&json!({"name": "SECOND ONE"}))).await;
    assert_eq!(refusal(&taken).2, "Name has already been taken");
    assert_eq!(world.owner_json("GET", &path, &Value::Null).await, before);
    // A name may change its case.
    let renamed = world.owner_json("PATCH", &path, &with_attributes(&json!({"name": "second One"}))).await;
    assert_eq!(renamed["data"]["attributes"]["name"], "second One");
}

#[tokio::test]
async fn lists_are_narrowed_and_ordered() {
    let world = World::new().await;
    for name in ["alpha", "Beta", "gamma one"] {
        make(&world, name).await;
    }
    let beta = world.owner_json("GET", &format!("{PROJECTS}?filter[names]=beta"), &Value::Null).await;
    let bound = json!({"data": [{"type": "tag-bindings", "attributes": {"key": "env", "value": "prod"}}]});
    let path = format!("/api/v2/projects/{}/tag-bindings", text(&beta["data"][0]["id"]));
    world.owner_json("PATCH", &path, &bound).await;
    let cases: &[(&str, &[&str])] = &[
        ("", &["gamma one", "Beta", "alpha", "Default Project"]),
        ("sort=name", &["Beta", "Default Project", "alpha", "gamma one"]),
        ("sort=-name", &["gamma one", "alpha", "Default Project", "Beta"]),
        ("q=A O", &["gamma one"]),
        ("q=PROJECT", &["Default Project"]),
        ("filter[names]=ALPHA,gamma one,none&q=beta", &["gamma one", "alpha"]),
        ("filter[tagged][0][key]=env", &["Beta"]),
        ("filter[tagged][0][key]=env&filter[tagged][0][value]=dev", &[]),
        ("filter[permissions][create-workspace]=true&page[size]=1&page[number]=3", &["alpha"]),
        ("filter[permissions][update]=false&page[number]=9", &[]),
    ];
    for (query, expected) in cases {
        let list = world.owner_json("GET", &format!("{PROJECTS}?{}", query.replace(' ', "%20")), &Value::Null).await;
        let names: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|one| text(&one["attributes"]["name"])).collect();
        assert_eq!(names, *expected, "{query}");
        assert_eq!(list["meta"]["status-counts"]["total"], 4, "{query}");
    }
    let shown = world.owner_json("GET", &format!("{PROJECTS}?include=effective_tag_bindings"), &Value::Null).await;
    assert_eq!(shown["included"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn workspaces_move_together_or_not_at_all_and_a_project_ends_empty() {
    let world = World::new().await;
    let second = make(&world, "second").await;
    let (path, default) = (format!("/api/v2/projects/{second}"), world.id("projects"));
    let app = world.id("workspaces");
    let moves = |ids: &[&str]| json!({"data": ids.iter().map(|id| json!({"type": "workspaces", "id": id})).collect::<Vec<_>>()});
    let to = format!("{path}/relationships/workspaces");
    let project_of = async || {
        let shown = world.owner_json("GET", &format!("/api/v2/workspaces/{app}"), &Value::Null).await;
        text(&shown["data"]["relationships"]["project"]["data"]["id"])
    };
    let refused = owner(&world, "POST", &to, &moves(&[app, "ws-1111111111111111", "nonsense"])).await;
    let told = "Workspace(s) not found, or you are not authorized to move them: ws-1111111111111111, nonsense";
    assert_eq!((refused.status.as_u16(), refusal(&refused).2.as_str()), (403, told));
    assert_eq!(project_of().await, default);
    assert_eq!(owner(&world, "POST", &to, &moves(&[])).await.status.as_u16(), 422);
    assert_eq!(owner(&world, "POST", &to, &moves(&[app])).await.status.as_u16(), 204);
    assert_eq!(project_of().await, second);

    let full = owner(&world, "DELETE", &path, &Value::Null).await;
    assert!(refusal(&full).2.contains("while it has workspaces"), "{}", full.json());
    assert_eq!(full.status.as_u16(), 422);
    let back = format!("/api/v2/projects/{default}/relationships/workspaces");
    assert_eq!(owner(&world, "POST", &back, &moves(&[app])).await.status.as_u16(), 204);
    assert_eq!(owner(&world, "DELETE", &path, &Value::Null).await.status.as_u16(), 204);
    assert_eq!(owner(&world, "DELETE", &path, &Value::Null).await.status.as_u16(), 404);
    let default = owner(&world, "DELETE", &format!("/api/v2/projects/{default}"), &Value::Null).await;
    assert_eq!(default.status.as_u16(), 422);
}

#[tokio::test]
async fn who_sees_a_project_is_told_what_he_may_not_do_with_it() {
    let world = World::new().await;
    let actors = world.actors().await;
    let maintainer = actors.iter().find(|actor| actor.name == "maintain").unwrap();
    let project = format!("/api/v2/projects/{}", world.id("projects"));
    let body = json!({"data": [{"type": "workspaces", "id": world.id("workspaces")}]}).to_string().into_bytes();
    let secret = maintainer.secret.as_deref();
    assert_eq!(world.send("DELETE", &project, secret, Vec::new()).await.status.as_u16(), 403);
    let moved = world.send("POST", &format!("{project}/relationships/workspaces"), secret, body).await;
    assert_eq!(moved.status.as_u16(), 403);
    let settings = with_attributes(&json!({"name": "mine now"})).to_string().into_bytes();
    assert_eq!(world.send("PATCH", &project, secret, settings).await.status.as_u16(), 404);
}
