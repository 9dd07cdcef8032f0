//! Tags of both kinds.

use serde_json::{Value, json};

use crate::workspaces::{owner, refusal};
use crate::world::{World, text};

fn words(words: &[&str]) -> Value {
    json!({ "data": words.iter().map(|word| json!({"type": "tags", "attributes": {"name": word}})).collect::<Vec<_>>() })
}

fn bindings(pairs: &[(&str, &str)]) -> Value {
    let one = |(key, value): &(&str, &str)| json!({"type": "tag-bindings", "attributes": {"key": key, "value": value}});
    json!({ "data": pairs.iter().map(one).collect::<Vec<_>>() })
}

async fn names(world: &World, path: &str) -> Vec<String> {
    let list = world.owner_json("GET", path, &Value::Null).await;
    list["data"].as_array().unwrap().iter().map(|tag| text(&tag["attributes"]["name"])).collect()
}

#[tokio::test]
async fn words_come_and_go_with_the_workspaces_that_have_them() {
    let world = World::new().await;
    let path = format!("/api/v2/workspaces/{}/relationships/tags", world.id("workspaces"));
    let all = "/api/v2/organizations/demo/tags";
    let steps = [
        ("POST", words(&["red", "green:1", "red"]), 204, vec!["blue", "green:1", "red"]),
        ("DELETE", words(&["red", "none", "n o"]), 204, vec!["blue", "green:1"]),
        ("POST", words(&["good", "b,ad"]), 422, vec!["blue", "green:1"]),
        ("POST", words(&["\0"]), 422, vec!["blue", "green:1"]),
        ("POST", words(&[&"a".repeat(256)]), 422, vec!["blue", "green:1"]),
        ("POST", json!({"data": []}), 422, vec!["blue", "green:1"]),
        ("POST", json!({"data": [{"type": "tags", "id": "tag-1111111111111111"}]}), 404, vec!["blue", "green:1"]),
        ("DELETE", json!({"data": [{"type": "tags", "id": world.id("tags")}]}), 204, vec!["green:1"]),
    ];
    for (method, body, status, expected) in steps {
        let answer = owner(&world, method, &path, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {body}: {}", answer.json());
        assert_eq!(names(&world, &path).await, expected, "{method} {body}");
        assert_eq!(names(&world, all).await, expected, "{method} {body}");
    }
    let too_many: Vec<String> = (0..1001).map(|number| format!("t{number}")).collect();
    let too_many = words(&too_many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refusal(&owner(&world, "POST", &path, &too_many).await).0, 422);
    let workspace = world.owner_json("GET", path.trim_end_matches("/relationships/tags"), &Value::Null).await;
    assert_eq!(workspace["data"]["attributes"]["tag-names"], json!(["green:1"]));
}

#[tokio::test]
async fn the_organizations_tags_are_searched_given_and_deleted() {
    let world = World::new().await;
    let app = world.id("workspaces");
    owner(&world, "POST", &format!("/api/v2/workspaces/{app}/relationships/tags"), &words(&["red"])).await;
    let second = json!({"data": {"attributes": {"name": "second"}, "relationships": {"tags": words(&["Redder"])}}});
    let second = world.owner_json("POST", "/api/v2/organizations/demo/workspaces", &second).await;
    let second = text(&second["data"]["id"]);
    let all = "/api/v2/organizations/demo/tags";
    for (query, expected) in [
        (String::new(), vec!["Redder", "blue", "red"]),
        ("q=RED".to_owned(), vec!["Redder", "red"]),
        (format!("filter[exclude][taggable][id]={app}"), vec!["Redder"]),
        (format!("filter[exclude][taggable][id]={}", world.id("tags")), vec!["Redder", "blue", "red"]),
        ("page[size]=1&page[number]=2".to_owned(), vec!["blue"]),
    ] {
        assert_eq!(names(&world, &format!("{all}?{query}")).await, expected, "{query}");
    }
    let given = format!("/api/v2/tags/{}/relationships/workspaces", world.id("tags"));
    let both = |id: &str| json!({"data": [{"type": "workspaces", "id": second}, {"type": "workspaces", "id": id}]});
    assert_eq!(owner(&world, "POST", &given, &both("ws-1111111111111111")).await.status.as_u16(), 404);
    assert_eq!(names(&world, &format!("/api/v2/workspaces/{second}/relationships/tags")).await, ["Redder"]);
    assert_eq!(owner(&world, "POST", &given, &both(app)).await.status.as_u16(), 204);
    let counted = world.owner_json("GET", &format!("{all}?q=blue"), &Value::Null).await;
    assert_eq!(counted["data"][0]["attributes"]["instance-count"], 2);
    let gone = json!({"data": [{"type": "tags", "id": world.id("tags")}, {"type": "tags", "id": "nonsense"}]});
    assert_eq!(owner(&world, "DELETE", all, &gone).await.status.as_u16(), 204);
    assert_eq!(names(&world, all).await, ["Redder", "red"]);
}

#[tokio::test]
async fn keys_and_values_are_bounded_merged_replaced_and_inherited() {
    let world = World::new().await;
    let workspace = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let project = format!("/api/v2/projects/{}", world.id("projects"));
    let bound = async |path: String| {
        let list = world.owner_json("GET", &path, &Value::Null).await;
        let one = |one: &Value| format!("{}={}", text(&one["attributes"]["key"]), text(&one["attributes"]["value"]));
        list["data"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let (short, long) = ("/tag-bindings", "/relationships/tag-bindings");
    let eleven: Vec<String> = (0..11).map(|number| format!("k{number}")).collect();
    let eleven = bindings(&eleven.iter().map(|key| (key.as_str(), "")).collect::<Vec<_>>());
    let steps = [
        (&workspace, short, bindings(&[("foo", "bar"), ("baz", "qux")]), 200),
        (&workspace, long, bindings(&[("baz", "new"), ("a b", "")]), 200),
        (&workspace, short, eleven, 422),
        (&workspace, short, bindings(&[("hcp:a", "")]), 422),
        (&workspace, short, bindings(&[("a/b", "")]), 422),
        (&workspace, short, bindings(&[("a", "\0")]), 422),
        (&workspace, short, bindings(&[("a", "1"), ("a", "2")]), 422),
        (&workspace, short, json!({"data": [{"type": "tag-bindings", "attributes": {"value": "x"}}]}), 422),
        (&project, long, bindings(&[("foo", "project"), ("env", "prod")]), 200),
    ];
    for (path, form, body, status) in steps {
        let answer = owner(&world, "PATCH", &format!("{path}{form}"), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.json());
    }
    let own = ["foo=bar", "baz=new", "a b="];
    assert_eq!(bound(format!("{workspace}{short}")).await, own);
    assert_eq!(bound(format!("{workspace}{long}")).await, own);
    let effective = bound(format!("{workspace}/effective-tag-bindings")).await;
    assert_eq!(effective, ["foo=bar", "baz=new", "a b=", "env=prod"]);
    let replaced = json!({"data": {"relationships": {"tag-bindings": bindings(&[("baz", "1")])}}});
    world.owner_json("PATCH", &workspace, &replaced).await;
    assert_eq!(bound(format!("{workspace}{short}")).await, ["baz=1"]);
    let effective = bound(format!("{workspace}/effective-tag-bindings")).await;
    assert_eq!(effective, ["baz=1", "foo=project", "env=prod"]);
    world.owner_json("PATCH", &project, &json!({"data": {"relationships": {"tag-bindings": {"data": []}}}})).await;
    assert_eq!(bound(format!("{project}/effective-tag-bindings")).await, Vec::<String>::new());
}
