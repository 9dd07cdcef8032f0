//! Requests at the same moment.

use serde_json::{Value, json};

use crate::bench::Terrane;

const AT_ONCE: usize = 8;

#[test]
fn of_many_who_make_a_thing_of_one_name_at_once_one_succeeds_and_the_others_hear_why() {
    let terrane = &Terrane::without_runner();
    let workspace = terrane.create_workspace("app");
    for (path, attributes, taken) in [
        ("organizations".to_owned(), json!({"name":"raced","email":"a@example.org"}), "Name"),
        (format!("workspaces/{workspace}/vars"), json!({"key":"raced","category":"env"}), "Key"),
        ("organizations/demo/agent-pools".to_owned(), json!({"name":"raced"}), "Name"),
        ("organizations/demo/reserved-tag-keys".to_owned(), json!({"key":"raced"}), "Key"),
    ] {
        let document: &Value = &json!({ "data": { "attributes": attributes } });
        let path = &path;
        let answers: Vec<_> = std::thread::scope(|scope| {
            let posts: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(move || terrane.post(path, document))).collect();
            posts.into_iter().map(|post| post.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{path}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(answer.status, 422, "{path}: {}", answer.text());
            assert_eq!(answer.error()["detail"], format!("{taken} has already been taken"));
        }
    }
}

#[test]
fn of_many_changes_of_one_variable_each_is_whole() {
    let terrane = &Terrane::without_runner();
    let workspace = terrane.create_workspace("app");
    let document = json!({ "data": { "attributes": { "key": "a", "value": "0", "category": "env" } } });
    let made = terrane.post(&format!("workspaces/{workspace}/vars"), &document);
    let path = &format!("workspaces/{workspace}/vars/{}", crate::bench::id(&made.json()["data"]));
    let change = |number: usize| {
        let both = format!("value {number}");
        let document = json!({ "data": { "attributes": { "value": both, "description": both } } });
        terrane.patch(path, &document)
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let patches: Vec<_> = (0..AT_ONCE).map(|number| scope.spawn(move || change(number))).collect();
        patches.into_iter().map(|patch| patch.join().unwrap()).collect()
    });
    assert!(answers.iter().any(|answer| answer.status == 200));
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 409), "{}", answer.text());
    }
    let attributes = &terrane.data(path)["attributes"];
    assert_eq!(attributes["value"], attributes["description"]);
    let versions = answers.iter().filter(|answer| answer.status == 200);
    let versions = versions.map(|answer| answer.json()["data"]["attributes"]["version-id"].to_string());
    assert!(versions.collect::<Vec<_>>().contains(&attributes["version-id"].to_string()));
}
