//! Variables: what is shown of them, what may change, by the new paths and the old.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{Answer, World, text};

fn path(world: &World) -> String {
    format!("/api/v2/workspaces/{}/vars", world.id("workspaces"))
}

async fn send(world: &World, method: &str, path: &str, attributes: &Value) -> Answer {
    let document = json!({"data":{"type":"vars","attributes":attributes}}).to_string().into_bytes();
    world.send(method, path, Some(&world.owner), document).await
}

#[tokio::test]
async fn a_variable_reads_back_as_it_was_made_and_each_change_gives_a_new_version() {
    let world = World::new().await;
    let attributes = json!({"key":"zone","value":"[1]","category":"terraform","hcl":true,"description":"Where"});
    let made = send(&world, "POST", &path(&world), &attributes).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.json();
    let one = format!("{}/{}", path(&world), text(&made["data"]["id"]));
    assert_eq!(world.owner_json("GET", &one, &Value::Null).await, made);
    let all = world.owner_json("GET", &path(&world), &Value::Null).await;
    assert!(all["data"].as_array().unwrap().contains(&made["data"]));
    let mut versions = vec![text(&made["data"]["attributes"]["version-id"])];
    for change in [json!({"value":"[2]"}), json!({}), json!({"created-at":"2020-01-01T00:00:00Z","version-id":"1"})] {
        let changed = send(&world, "PATCH", &one, &change).await.json();
        let version = text(&changed["data"]["attributes"]["version-id"]);
        assert!(version.len() > 8 && !versions.contains(&version));
        versions.push(version);
        assert_eq!(changed["data"]["attributes"]["created-at"], made["data"]["attributes"]["created-at"]);
        assert_eq!(changed["data"]["attributes"]["description"], "Where");
        assert_eq!(changed["data"]["attributes"]["value"], "[2]");
    }
    assert_eq!(world.send("DELETE", &one, Some(&world.owner), Vec::new()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.send("GET", &one, Some(&world.owner), Vec::new()).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_the_attribute_that_is_wrong() {
    let world = World::new().await;
    for (attributes, pointer, detail) in [
        (json!({"category":"env"}), "key", "Key can't be blank"),
        (json!({"key":"","category":"env"}), "key", "Key can't be blank"),
        (json!({"key":"a"}), "category", "Category can't be blank"),
        (json!({"key":"a","category":"shell"}), "category", "Category must be terraform or env"),
        (json!({"key":"region","category":"terraform"}), "key", "Key has already been taken"),
        (
            json!({"key":"a","category":"env","value":"v".repeat(300_000)}),
            "value",
            "Value is too long (maximum is 256 KB)",
        ),
    ] {
        let answer = send(&world, "POST", &path(&world), &attributes).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &answer.json()["errors"][0];
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{pointer}"));
        assert_eq!(error["detail"], detail);
    }
    let longest = json!({"key":"long","category":"env","value":"\u{1}".repeat(256 * 1024)});
    assert_eq!(send(&world, "POST", &path(&world), &longest).await.status, StatusCode::CREATED);
    let same_key = json!({"key":"region","category":"env"});
    let other = send(&world, "POST", &path(&world), &same_key).await.json();
    let other = format!("{}/{}", path(&world), text(&other["data"]["id"]));
    let taken = send(&world, "PATCH", &other, &json!({"category":"terraform"})).await;
    assert_eq!(taken.json()["errors"][0]["detail"], "Key has already been taken");
}

#[tokio::test]
async fn a_sensitive_value_is_never_shown_and_nothing_can_bring_it_to_light() {
    let world = World::new().await;
    let secret = "xyzzy-plugh";
    let attributes = json!({"key":"password","value":secret,"category":"terraform","sensitive":true});
    let made = send(&world, "POST", &path(&world), &attributes).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = text(&made.json()["data"]["id"]);
    let one = format!("{}/{id}", path(&world));
    let mut answers = vec![made];
    for (change, expected) in [
        (json!({"sensitive":false}), 422),
        (json!({"key":"other"}), 422),
        (json!({"category":"env"}), 422),
        (json!({"hcl":true}), 422),
        (json!({"description":"text"}), 200),
        (json!({"value":secret,"key":"password","category":"terraform","hcl":false,"sensitive":true}), 200),
    ] {
        let answer = send(&world, "PATCH", &one, &change).await;
        assert_eq!(answer.status, expected, "{change}");
        answers.push(answer);
    }
    let query = "filter[organization][name]=demo&filter[workspace][name]=app";
    for path in [one, path(&world), path(&world).replace("/vars", "/all-vars"), format!("/api/v2/vars?{query}")] {
        let answer = world.send("GET", &path, Some(&world.owner), Vec::new()).await;
        assert_eq!(answer.status, StatusCode::OK);
        answers.push(answer);
    }
    for answer in answers {
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn the_old_paths_do_the_same() {
    let world = World::new().await;
    let workspace = world.id("workspaces");
    let document = json!({"data":{
        "attributes":{"key":"zone","value":"1","category":"env"},
        "relationships":{"workspace":{"data":{"type":"workspaces","id":workspace}}},
    }});
    let made = world.owner_json("POST", "/api/v2/vars", &document).await;
    let id = text(&made["data"]["id"]);
    let changed = send(&world, "PATCH", &format!("/api/v2/vars/{id}"), &json!({"value":"2"})).await.json();
    assert_eq!(changed["data"]["attributes"]["value"], "2");
    let query = "filter[organization][name]=demo&filter[workspace][name]=app";
    let old = world.owner_json("GET", &format!("/api/v2/vars?{query}"), &Value::Null).await;
    assert_eq!(old, world.owner_json("GET", &path(&world), &Value::Null).await);
    let gone = world.send("DELETE", &format!("/api/v2/vars/{id}"), Some(&world.owner), Vec::new()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let unfiltered = world.send("GET", "/api/v2/vars", Some(&world.owner), Vec::new()).await;
    assert_eq!(unfiltered.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_workspace_names_its_variables() {
    let world = World::new().await;
    let id =
        send(&world, "POST", &path(&world), &json!({"key":"a","category":"env"})).await.json()["data"]["id"].clone();
    let app = "/api/v2/organizations/demo/workspaces/app";
    let read = world.owner_json("GET", app, &Value::Null).await;
    let relation = &read["data"]["relationships"]["vars"]["data"];
    assert_eq!(*relation, json!([{"type":"vars","id":id}, {"type":"vars","id":world.id("vars")}]));
    let listed = world.owner_json("GET", "/api/v2/organizations/demo/workspaces", &Value::Null).await;
    assert_eq!(listed["data"][0], read["data"]);
}

#[tokio::test]
async fn a_variable_is_found_in_its_own_workspace_only() {
    let world = World::new().await;
    let other = world.make("/api/v2/organizations/demo/workspaces", &json!({"name":"other"})).await;
    let path = format!("/api/v2/workspaces/{other}/vars/{}", world.id("vars"));
    for method in ["GET", "PATCH", "DELETE"] {
        let answer = send(&world, method, &path, &json!({"value":"x"})).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
    }
}

/// A team's member who reads the workspace's runs and not its variables.
async fn reader_of_runs(world: &World) -> String {
    let team = world.make("/api/v2/organizations/demo/teams", &json!({"name":"run-readers"})).await;
    let relation = |kind: &str, id: &str| json!({"data":{"type":kind,"id":id}});
    let access = json!({"data":{
        "attributes":{"access":"custom","runs":"read","variables":"none"},
        "relationships":{"team":relation("teams", &team),"workspace":relation("workspaces", world.id("workspaces"))},
    }});
    world.owner_json("POST", "/api/v2/team-workspaces", &access).await;
    world.join("ada", &[&team]).await.0
}

#[tokio::test]
async fn values_of_a_runs_own_variables_are_for_who_may_read_variables_and_none_in_a_sensitive_ones_place() {
    let world = World::new().await;
    let reader = reader_of_runs(&world).await;
    send(&world, "POST", &path(&world), &json!({"key":"key","value":"k","category":"terraform","sensitive":true}))
        .await;
    // A sensitive variable of the environment has nothing to do with it.
    send(&world, "POST", &path(&world), &json!({"key":"size","value":"k","category":"env","sensitive":true})).await;
    let run = json!({"data":{
        "attributes":{"plan-only":true,"variables":[{"key":"size","value":"3"},{"key":"key","value":"\"secret\""}]},
        "relationships":{"workspace":{"data":{"type":"workspaces","id":world.id("workspaces")}}},
    }});
    let run = world.owner_json("POST", "/api/v2/runs", &run).await;
    let seen = |size: Value| json!([{"key":"size","value":size},{"key":"key","value":null}]);
    assert_eq!(run["data"]["attributes"]["variables"], seen(json!("3")));
    let one = format!("/api/v2/runs/{}", text(&run["data"]["id"]));
    for (token, value) in [(&world.owner, json!("3")), (&reader, Value::Null)] {
        let list = format!("/api/v2/workspaces/{}/runs?filter[operation]=plan_only", world.id("workspaces"));
        let list = world.send("GET", &list, Some(token), Vec::new()).await.json();
        assert_eq!(list["data"][0]["attributes"]["variables"], seen(value.clone()));
        let one = world.send("GET", &one, Some(token), Vec::new()).await.json();
        assert_eq!(one["data"]["attributes"]["variables"], seen(value));
    }
    // The runner gets the values, and knows which of them to mask.
    let job = world.claim().await;
    let of = |key: &str| {
        let found = job["variables"].as_array().unwrap().iter().find(|variable| variable["key"] == key).unwrap();
        (found["value"].clone(), found["sensitive"].clone())
    };
    assert_eq!(of("size"), (json!("3"), json!(false)));
    assert_eq!(of("key"), (json!("\"secret\""), json!(true)));
}
