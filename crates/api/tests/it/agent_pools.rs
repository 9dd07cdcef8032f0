//! Agent pools: what they admit, and who needs them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

const POOLS: &str = "/api/v2/organizations/demo/agent-pools";

fn relation(kind: &str, ids: &[&str]) -> Value {
    json!({"data": ids.iter().map(|id| json!({"type":kind,"id":id})).collect::<Vec<_>>()})
}

async fn detail(world: &World, method: &str, path: &str, document: &Value) -> String {
    let answer = world.send(method, path, Some(&world.owner), document.to_string().into_bytes()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.json());
    answer.json()["errors"][0]["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_relation_that_is_named_is_replaced_and_one_that_is_not_stays() {
    let world = World::new().await;
    let (workspace, project) = (world.id("workspaces"), world.id("projects"));
    let document = json!({"data":{
        "attributes":{"name":"own","organization-scoped":false},
        "relationships":{
            "allowed-workspaces": relation("workspaces", &[workspace]),
            "allowed-projects": relation("projects", &[project]),
            "excluded-workspaces": relation("workspaces", &[workspace]),
        },
    }});
    let made = world.owner_json("POST", POOLS, &document).await;
    let path = format!("/api/v2/agent-pools/{}", made["data"]["id"].as_str().unwrap());
    assert_eq!(made["data"], world.owner_json("GET", &path, &Value::Null).await["data"]);
    let change = json!({"data":{
        "attributes":{"name":"renamed","agent-count":7,"created-at":"2020-01-01T00:00:00Z"},
        "relationships":{"allowed-workspaces":{"data":[]}},
    }});
    let changed = world.owner_json("PATCH", &path, &change).await;
    let mut expected = made.clone();
    expected["data"]["attributes"]["name"] = json!("renamed");
    expected["data"]["relationships"]["allowed-workspaces"]["data"] = json!([]);
    assert_eq!(changed, expected);
    let gone = world.send("DELETE", &path, Some(&world.owner), Vec::new()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(world.send("GET", &path, Some(&world.owner), Vec::new()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let named = |name: Value| json!({"data":{"attributes":{"name":name}}});
    for (document, expected) in [
        (named(Value::Null), "Name can't be blank"),
        (named(json!("a b")), "Name may only contain letters, numbers, dashes and underscores"),
        (named(json!("pool")), "Name has already been taken"),
        (
            json!({"data":{"attributes":{"name":"own"},"relationships":{
                "allowed-workspaces": relation("workspaces", &["ws-1111111111111111"])}}}),
            "Workspace does not exist in the organization",
        ),
        (
            json!({"data":{"attributes":{"name":"own"},"relationships":{
                "allowed-projects": relation("projects", &["prj-1111111111111111"])}}}),
            "Project does not exist in the organization",
        ),
        (
            json!({"data":{"attributes":{"name":"own"},"relationships":{
                "excluded-workspaces": relation("workspaces", &["nonsense"])}}}),
            "excluded-workspaces names something that does not exist",
        ),
    ] {
        assert_eq!(detail(&world, "POST", POOLS, &document).await, expected);
    }
    let list = world.owner_json("GET", POOLS, &Value::Null).await;
    assert_eq!(list["meta"]["pagination"]["total-count"], 1, "a refused pool was made");
}

#[tokio::test]
async fn lists_show_the_pools_that_a_workspace_or_project_may_use() {
    let world = World::new().await;
    let (workspace, project) = (world.id("workspaces"), world.id("projects"));
    let make = async |name: &str, relationships: Value| {
        let attributes = json!({"name":name,"organization-scoped":false});
        let document = json!({"data":{"attributes":attributes,"relationships":relationships}});
        world.owner_json("POST", POOLS, &document).await;
    };
    make("closed", json!({})).await;
    make("by-workspace", json!({"allowed-workspaces": relation("workspaces", &[workspace])})).await;
    make("by-project", json!({"allowed-projects": relation("projects", &[project])})).await;
    for (query, expected) in [
        ("", &["pool", "closed", "by-workspace", "by-project"][..]),
        ("?sort=-created-at", &["by-project", "by-workspace", "closed", "pool"]),
        ("?sort=name&q=BY-", &["by-project", "by-workspace"]),
        ("?filter[allowed_workspaces][name]=app", &["pool", "by-workspace", "by-project"]),
        ("?filter[allowed-workspaces][name]=nothing", &[]),
        ("?filter[allowed_projects][name]=Default%20Project", &["pool", "by-project"]),
        ("?page[size]=1&page[number]=2", &["closed"]),
    ] {
        let found = world.owner_json("GET", &format!("{POOLS}{query}"), &Value::Null).await;
        let names: Vec<&str> =
            found["data"].as_array().unwrap().iter().filter_map(|one| one["attributes"]["name"].as_str()).collect();
        assert_eq!(names, expected, "{query}");
    }
    let wrong = world.send("GET", &format!("{POOLS}?sort=color"), Some(&world.owner), Vec::new()).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_organization_in_agent_mode_has_a_default_pool_of_its_own_which_stays() {
    let world = World::new().await;
    let (demo, pool) = ("/api/v2/organizations/demo", world.id("agent-pools"));
    world.make("/api/v2/organizations", &json!({"name":"other","email":"a@example.org"})).await;
    let foreign = world.make("/api/v2/organizations/other/agent-pools", &json!({"name":"pool"})).await;
    let change = |mode: &str, pool: Value| {
        let relation = json!({"data":{"type":"agent-pools","id":pool}});
        json!({"data":{"attributes":{"default-execution-mode":mode},"relationships":{"default-agent-pool":relation}}})
    };
    let must_not = "Default agent pool must not be specified unless using 'agent' execution mode";
    let must = "Default agent pool must be specified when using 'agent' execution mode";
    for (document, expected) in [
        (change("remote", json!(pool)), must_not),
        (change("agent", Value::Null), must),
        (change("agent", json!(foreign)), "The provided agent pool does not exist"),
        (change("agent", json!("nonsense")), "The provided agent pool does not exist"),
    ] {
        assert_eq!(detail(&world, "PATCH", demo, &document).await, expected, "{document}");
    }
    let by_attribute = json!({"data":{"attributes":{"default-execution-mode":"agent","default-agent-pool-id":pool}}});
    for document in [change("agent", json!(pool)), by_attribute] {
        let changed = world.owner_json("PATCH", demo, &document).await;
        assert_eq!(changed["data"]["relationships"]["default-agent-pool"]["data"]["id"], pool);
        let refusal = detail(&world, "DELETE", &format!("/api/v2/agent-pools/{pool}"), &Value::Null).await;
        assert!(refusal.contains("in use"), "{refusal}");
        let local = json!({"data":{"attributes":{"default-execution-mode":"local"}}});
        let changed = world.owner_json("PATCH", demo, &local).await;
        assert!(changed["data"]["relationships"]["default-agent-pool"]["data"].is_null());
    }
}

#[tokio::test]
async fn a_pool_names_the_workspaces_that_chose_it_and_stays_while_there_are_any() {
    let world = World::new().await;
    let pool = format!("/api/v2/agent-pools/{}", world.id("agent-pools"));
    let workspace = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let choose = |mode: &str, pool: Value| json!({"data":{"attributes":{"execution-mode":mode,"agent-pool-id":pool}}});
    world.owner_json("PATCH", &workspace, &choose("agent", json!(world.id("agent-pools")))).await;
    for path in [&pool, POOLS] {
        let found = world.owner_json("GET", path, &Value::Null).await;
        let found = if path == POOLS { &found["data"][0] } else { &found["data"] };
        let expected = json!([{"type":"workspaces","id":world.id("workspaces")}]);
        assert_eq!(found["relationships"]["workspaces"]["data"], expected, "{path}");
    }
    let refusal = detail(&world, "DELETE", &pool, &Value::Null).await;
    assert!(refusal.contains("in use"), "{refusal}");
    world.owner_json("PATCH", &workspace, &choose("remote", Value::Null)).await;
    let gone = world.send("DELETE", &pool, Some(&world.owner), Vec::new()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
}
