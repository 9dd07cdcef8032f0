//! Organizations: what can be set, what cannot, and who is let in.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use terrane_domain::access::Principal;
use terrane_domain::ids::TokenId;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_store::StoreError;

use crate::world::{Answer, World, text};

const DEMO: &str = "/api/v2/organizations/demo";

async fn patch(world: &World, token: &str, path: &str, attributes: &Value) -> Answer {
    let document = json!({"data":{"type":"organizations","attributes":attributes}});
    world.send("PATCH", path, Some(token), document.to_string().into_bytes()).await
}

async fn attributes(world: &World, path: &str) -> Map<String, Value> {
    world.owner_json("GET", path, &Value::Null).await["data"]["attributes"].as_object().unwrap().clone()
}

#[tokio::test]
async fn an_organization_is_made_with_its_settings_and_reads_back_equal_everywhere() {
    let world = World::new().await;
    let settings = json!({"name":"made","email":"a@example.org","allow-force-delete-workspaces":true});
    let made = world.owner_json("POST", "/api/v2/organizations", &json!({"data":{"attributes":settings}})).await;
    assert_eq!(made["data"]["attributes"]["allow-force-delete-workspaces"], true);
    assert_eq!(made["included"][0]["type"], "entitlement-sets");
    let read = world.owner_json("GET", "/api/v2/organizations/made", &Value::Null).await;
    let listed = world.owner_json("GET", "/api/v2/organizations?q[name]=MADE", &Value::Null).await;
    assert_eq!((&read["data"], &listed["data"][0]), (&made["data"], &made["data"]));
    let missing = json!({"data":{"attributes":{"name":"none"}}}).to_string().into_bytes();
    let answer = world.send("POST", "/api/v2/organizations", Some(&world.owner), missing).await;
    assert_eq!(answer.json()["errors"][0]["detail"], "Email can't be blank");
    let taken = json!({"data":{"attributes":{"name":"made","email":"a@example.org"}}}).to_string().into_bytes();
    let answer = world.send("POST", "/api/v2/organizations", Some(&world.owner), taken).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["errors"][0]["detail"], "Name has already been taken");
}

#[tokio::test]
async fn lists_are_narrowed_and_paged_only_when_asked() {
    let world = World::new().await;
    for (name, email) in [("alpha", "one@example.org"), ("beta", "alpha@example.com")] {
        world.make("/api/v2/organizations", &json!({"name":name,"email":email})).await;
    }
    for (query, expected) in [
        ("", &["alpha", "beta", "demo"][..]),
        ("?q=ALPHA", &["alpha", "beta"]),
        ("?q[name]=alpha", &["alpha"]),
        ("?q[email]=alpha", &["beta"]),
        ("?q=beta&q[name]=alpha", &["beta"]),
        ("?q=nothing", &[]),
        ("?page[size]=2", &["alpha", "beta"]),
        ("?page[number]=2&page[size]=2", &["demo"]),
        ("?page[number]=9", &[]),
    ] {
        let found = world.owner_json("GET", &format!("/api/v2/organizations{query}"), &Value::Null).await;
        let names: Vec<&str> = found["data"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
        assert_eq!(names, expected, "{query}");
        assert_eq!(found["meta"].is_null(), !query.contains("page"), "{query}");
    }
}

#[tokio::test]
async fn a_rename_moves_the_address_and_keeps_what_is_below() {
    let world = World::new().await;
    world.make("/api/v2/organizations", &json!({"name":"other","email":"a@example.org"})).await;
    let taken = patch(&world, &world.owner, DEMO, &json!({"name":"other"})).await;
    assert_eq!(taken.json()["errors"][0]["detail"], "Name has already been taken");
    let before = attributes(&world, DEMO).await;
    let answer = patch(&world, &world.owner, DEMO, &json!({"name":"renamed"})).await;
    assert_eq!(answer.json()["data"]["id"], "renamed");
    assert_eq!(answer.json()["data"]["attributes"]["external-id"], before["external-id"]);
    assert_eq!(world.send("GET", DEMO, Some(&world.owner), Vec::new()).await.status, StatusCode::NOT_FOUND);
    let workspace = world.owner_json("GET", "/api/v2/organizations/renamed/workspaces/app", &Value::Null).await;
    assert_eq!(workspace["data"]["id"], world.id("workspaces"));
    assert_eq!(workspace["data"]["relationships"]["organization"]["data"]["id"], "renamed");
    assert!(text(&workspace["data"]["links"]["self"]).contains("/organizations/renamed/"));
}

#[tokio::test]
async fn a_deleted_organization_is_gone_with_everything_in_it_and_stops_its_runner() {
    let world = World::new().await;
    let answer = world.send("DELETE", DEMO, Some(&world.owner), Vec::new()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for path in [
        DEMO.to_owned(),
        format!("/api/v2/workspaces/{}", world.id("workspaces")),
        format!("/api/v2/runs/{}", world.run),
        format!("/api/v2/agent-pools/{}", world.id("agent-pools")),
        format!("/api/v2/subscriptions/{}", world.id("subscriptions")),
    ] {
        let answer = world.send("GET", &path, Some(&world.owner), Vec::new()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    // The run's token, known for a second, is worth nothing at once; its runner hears that the job is no longer its.
    let run_token = Some(world.id("run-token"));
    assert_eq!(world.send("GET", DEMO, run_token, Vec::new()).await.status, StatusCode::UNAUTHORIZED);
    let renew = format!("/api/runner/v1/jobs/{}/renew", world.id("jobs"));
    let answer = world.send("POST", &renew, Some(&world.runner), br#"{"fence":1}"#.to_vec()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    world.make("/api/v2/organizations", &json!({"name":"demo","email":"a@example.org"})).await;
}

/// A token of the team that owns the organization.
async fn owners_token(world: &World) -> String {
    let made: Result<_, StoreError> = world
        .store
        .write(|tx| {
            Box::pin(async move {
                let organization = terrane_store::organizations::by_name(tx, "demo").await?.unwrap();
                let owner = terrane_store::users::by_name(tx, "admin").await?.unwrap();
                let place = terrane_store::standings::Place::default();
                let principal = Principal::User(owner.id);
                let standing = terrane_store::standings::of(tx, &principal, &organization.id, place).await?;
                let token = Token {
                    id: TokenId::from_entropy(77),
                    kind: TokenKind::Team,
                    user_id: None,
                    team_id: standing.teams.first().cloned(),
                    run_id: None,
                    organization_id: Some(organization.id),
                    created_by: None,
                    description: None,
                    created_at: tx.now(),
                    last_used_at: None,
                    expires_at: None,
                };
                terrane_store::tokens::insert(tx, &token, "owners").await
            })
        })
        .await;
    made.unwrap();
    "owners".to_owned()
}

#[tokio::test]
async fn without_user_tokens_people_are_refused_there_and_the_owners_team_is_not() {
    let world = World::new().await;
    let owners = owners_token(&world).await;
    let places = [
        DEMO.to_owned(),
        format!("{DEMO}/workspaces"),
        format!("{DEMO}/teams"),
        format!("{DEMO}/organization-memberships"),
        format!("/api/v2/teams/{}", world.id("teams")),
        format!("/api/v2/projects/{}", world.id("projects")),
        format!("/api/v2/workspaces/{}/vars", world.id("workspaces")),
        format!("/api/v2/runs/{}", world.run),
        format!("/api/v2/agent-pools/{}", world.id("agent-pools")),
    ];
    for (is_enabled, expected, listed) in [(false, StatusCode::UNAUTHORIZED, 0), (true, StatusCode::OK, 1)] {
        let answer = patch(&world, &owners, DEMO, &json!({"user-tokens-enabled":is_enabled})).await;
        assert_eq!(answer.json()["data"]["attributes"]["user-tokens-enabled"], is_enabled);
        for place in &places {
            let status = async |token: &str| world.send("GET", place, Some(token), Vec::new()).await.status;
            assert_eq!(status(&world.owner).await, expected, "{place}");
            assert_eq!(status(&owners).await, StatusCode::OK, "{place}");
            assert_eq!(status(&world.outsider).await, StatusCode::NOT_FOUND, "{place}");
        }
        let list = world.owner_json("GET", "/api/v2/organizations", &Value::Null).await;
        assert_eq!(list["data"].as_array().unwrap().len(), listed);
        world.owner_json("GET", "/api/v2/account/details", &Value::Null).await;
    }
}

#[tokio::test]
async fn related_things_come_along_when_asked() {
    let world = World::new().await;
    let path = format!("{DEMO}?include=entitlement-set,default_project,subscription");
    let found = world.owner_json("GET", &path, &Value::Null).await;
    let kinds: Vec<&str> =
        found["included"].as_array().unwrap().iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(kinds, ["entitlement-sets", "projects", "subscriptions"]);
    let path = format!("/api/v2/subscriptions/{}", world.id("subscriptions"));
    assert_eq!(found["included"][2], world.owner_json("GET", &path, &Value::Null).await["data"]);
    let limit = &found["included"][0]["attributes"];
    assert!(limit["operations"] == true && limit["user-limit"].is_null() && limit["waypoint-actions"] == false);
    let permissions = &found["data"]["attributes"]["permissions"];
    assert_eq!((&permissions["can-create-workspace"], &permissions["can-update-oauth"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn capacity_and_queue_count_the_runs_that_the_caller_sees() {
    let world = World::new().await;
    let run =
        json!({"data":{"relationships":{"workspace":{"data":{"type":"workspaces","id":world.id("workspaces")}}}}});
    world.owner_json("POST", "/api/v2/runs", &run).await;
    let (stranger, _) = world.join("stranger", &[]).await;
    let (reader, _) = world.join("reader", &[world.id("teams")]).await;
    for (token, pending, running) in [(&world.owner, 1, 1), (&reader, 1, 1), (&stranger, 0, 0)] {
        let read = async |what: &str| {
            world.send("GET", &format!("/api/v2/organizations/demo/{what}"), Some(token), Vec::new()).await.json()
        };
        let capacity = &read("capacity").await["data"]["attributes"];
        assert_eq!(*capacity, json!({"pending": pending, "running": running}));
        assert_eq!(read("runs/queue").await["meta"]["pagination"]["total-count"], pending + running);
    }
}
