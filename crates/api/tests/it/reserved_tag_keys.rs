//! Reserved tag keys, by the paths of the documents and of the client.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, text};

const KEYS: &str = "/api/v2/organizations/demo/reserved-tag-keys";

#[tokio::test]
async fn keys_are_changed_and_given_back_by_either_path() {
    let world = World::new().await;
    for path in ["reserved-tag-keys", "reserved-tags"] {
        let id = world.make(KEYS, &json!({"key":"cost-center","disable-overrides":true})).await;
        let path = format!("/api/v2/{path}/{id}");
        let change = json!({"data":{"attributes":{"key":"cost center","created-at":"2020-01-01T00:00:00Z"}}});
        let changed = world.owner_json("PATCH", &path, &change).await;
        let attributes = &changed["data"]["attributes"];
        assert_eq!(attributes["key"], "cost center");
        assert_eq!(attributes["disable-overrides"], true);
        assert_ne!(attributes["created-at"], "2020-01-01T00:00:00Z");
        let listed = world.owner_json("GET", KEYS, &Value::Null).await;
        assert_eq!(listed["data"][0], changed["data"]);
        let gone = world.send("DELETE", &path, Some(&world.owner), Vec::new()).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(world.send("DELETE", &path, Some(&world.owner), Vec::new()).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_key_that_is_none_or_taken_is_refused_on_making_and_on_changing() {
    let world = World::new().await;
    let id = world.make(KEYS, &json!({"key":"owner"})).await;
    for (key, expected) in [
        (json!("! / nope"), "Key is invalid"),
        (json!(""), "Key is invalid"),
        (json!("environment"), "Key has already been taken"),
    ] {
        let document = json!({"data":{"attributes":{"key":key}}}).to_string().into_bytes();
        for (method, path) in [("POST", KEYS), ("PATCH", &format!("/api/v2/reserved-tag-keys/{id}"))] {
            let answer = world.send(method, path, Some(&world.owner), document.clone()).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            let detail = text(&answer.json()["errors"][0]["detail"]);
            assert!(detail.starts_with(expected), "{method}: {detail}");
        }
    }
}
