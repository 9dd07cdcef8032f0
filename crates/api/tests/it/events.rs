//! Every change leaves one event; what is refused leaves none.

use serde_json::json;

use crate::world::World;

async fn events(world: &World) -> i64 {
    let reports = world.store.verify_events().await.unwrap();
    reports.iter().map(|report| report.sealed + report.unsealed).sum()
}

#[tokio::test]
async fn a_change_leaves_one_event_and_a_refusal_none() {
    let world = World::new().await;
    let demo = "organizations/demo".to_owned();
    let vars = format!("workspaces/{}/vars", world.id("workspaces"));
    let variable = format!("{vars}/{}", world.id("vars"));
    let pool = format!("agent-pools/{}", world.id("agent-pools"));
    let key = format!("reserved-tag-keys/{}", world.id("reserved-tag-keys"));
    for (method, path, attributes, expected) in [
        ("POST", &vars, json!({"key":"new","category":"env"}), 1),
        ("POST", &vars, json!({"key":"new","category":"env"}), 0),
        ("PATCH", &variable, json!({"value":"new"}), 1),
        ("PATCH", &variable, json!({"category":"shell"}), 0),
        ("DELETE", &variable, json!({}), 1),
        ("DELETE", &variable, json!({}), 0),
        ("POST", &format!("{demo}/agent-pools"), json!({"name":"new"}), 1),
        ("POST", &format!("{demo}/agent-pools"), json!({"name":"new"}), 0),
        ("PATCH", &pool, json!({"name":"other"}), 1),
        ("DELETE", &pool, json!({}), 1),
        ("POST", &format!("{demo}/reserved-tag-keys"), json!({"key":"new"}), 1),
        ("POST", &format!("{demo}/reserved-tag-keys"), json!({"key":"!"}), 0),
        ("PATCH", &key, json!({"disable-overrides":true}), 1),
        ("DELETE", &key, json!({}), 1),
        ("POST", &"organizations".to_owned(), json!({"name":"new","email":"a@example.org"}), 1),
        ("POST", &"organizations".to_owned(), json!({"name":"new","email":"a@example.org"}), 0),
        ("PATCH", &demo, json!({"assessments-enforced":true}), 1),
        ("PATCH", &demo, json!({"default-execution-mode":"agent"}), 0),
        ("DELETE", &demo, json!({}), 1),
        ("DELETE", &demo, json!({}), 0),
    ] {
        let before = events(&world).await;
        let document = json!({"data":{"attributes":attributes}}).to_string().into_bytes();
        let answer = world.send(method, &format!("/api/v2/{path}"), Some(&world.owner), document).await;
        assert_eq!(answer.status.is_success(), expected == 1, "{method} {path}: {}", answer.json());
        assert_eq!(events(&world).await - before, expected, "{method} {path}");
    }
}
