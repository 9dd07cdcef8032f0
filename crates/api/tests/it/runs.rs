//! Lists of runs, and what is said about them.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_organizations_runs_come_by_the_page_without_totals() {
    let world = World::new().await;
    let run = json!({"data":{"attributes":{"message":"second"},"relationships":{
        "workspace":{"data":{"type":"workspaces","id":world.id("workspaces")}}}}});
    world.owner_json("POST", "/api/v2/runs", &run).await;
    let path = "/api/v2/organizations/demo/runs?page[size]=1";
    let first = world.owner_json("GET", path, &Value::Null).await;
    assert_eq!(first["data"][0]["attributes"]["message"], "second");
    let pagination = json!({"current-page":1,"page-size":1,"prev-page":null,"next-page":2});
    assert_eq!(first["meta"]["pagination"], pagination);
    let last = world.owner_json("GET", &format!("{path}&page[number]=2"), &Value::Null).await;
    assert_eq!(last["data"][0]["id"], world.run.as_str());
    assert_eq!(last["meta"]["pagination"]["next-page"], Value::Null);
    assert_eq!(last["links"]["last"], Value::Null);
}

#[tokio::test]
async fn runs_are_found_by_what_the_query_says() {
    let world = World::new().await;
    let found = async |list: &str, query: &str| {
        let answer = world.owner_json("GET", &format!("/api/v2/{list}/runs?{query}"), &Value::Null).await;
        !answer["data"].as_array().unwrap().is_empty()
    };
    let workspace = format!("workspaces/{}", world.id("workspaces"));
    for (query, is_found) in [
        ("filter[status]=planning", true),
        ("filter[status]=applied,nonsense", false),
        ("filter[status]=nonsense", false),
        ("filter[status_group]=non_final", true),
        ("filter[status_group]=final", false),
        ("filter[status_group]=discardable&filter[status]=planning", false),
        ("filter[operation]=plan_and_apply,destroy", true),
        ("filter[operation]=plan_only", false),
        ("filter[source]=tfe-api", true),
        ("filter[source]=tfe-ui", false),
        ("search[basic]=triggered", true),
        ("search[basic]=nothing", false),
        ("search[commit]=abc", false),
        ("search[user]=nobody&search[basic]=triggered", false),
    ] {
        assert_eq!(found(&workspace, query).await, is_found, "{query}");
    }
    for (query, is_found) in [
        ("filter[workspace_names]=other,app", true),
        ("filter[workspace_names]=other", false),
        ("filter[timeframe]=year", true),
        ("filter[timeframe]=2001", false),
    ] {
        assert_eq!(found("organizations/demo", query).await, is_found, "{query}");
    }
    let path = "/api/v2/organizations/demo/runs?filter[timeframe]=yesterday";
    let answer = world.send("GET", path, Some(&world.owner), Vec::new()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_comment_is_told_with_its_run_and_in_its_history() {
    let world = World::new().await;
    let (run, comment) = (&world.run, world.id("comments"));
    let document =
        world.owner_json("GET", &format!("/api/v2/runs/{run}?include=comments,created_by"), &Value::Null).await;
    assert_eq!(document["data"]["relationships"]["comments"]["data"], json!([{"type":"comments","id":comment}]));
    let kinds: Vec<_> = document["included"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    assert_eq!(kinds, ["users", "comments"]);
    let path = format!("/api/v2/run-events/{}?include=actor,comment", world.id("run-events"));
    let entry = world.owner_json("GET", &path, &Value::Null).await;
    assert_eq!(entry["data"]["attributes"]["action"], "commented");
    assert_eq!(entry["data"]["relationships"]["target"]["data"], json!({"type":"runs","id":run}));
    assert_eq!(entry["included"][1]["attributes"]["body"], "fine");
    let blank = json!({"data":{"attributes":{"body":" "}}}).to_string().into_bytes();
    let refused = world.send("POST", &format!("/api/v2/runs/{run}/comments"), Some(&world.owner), blank).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["errors"][0]["source"]["pointer"], "/data/attributes/body");
}
