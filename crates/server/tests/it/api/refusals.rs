//! Requests without a right, without a place or without sense.

use serde_json::json;

use crate::bench::{Terrane, id};
use crate::http::{Answer, request};

#[test]
fn a_wrong_token_is_refused_like_none() {
    let terrane = Terrane::without_runner();
    let altered = format!("{}0", terrane.token);
    let other = "abcdefabcdef12.atlasv1.0000000000000000000000000000000000000000000000000000000000000000";
    for token in [None, Some(""), Some("nonsense"), Some(other), Some(altered.as_str())] {
        for path in ["/api/v2/account/details", "/api/v2/organizations/demo/workspaces"] {
            let authorization = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
            let answer = request(terrane.port(), "GET", path, &headers, b"");
            assert_eq!(answer.status, 401, "{token:?} {path}");
            assert_eq!(answer.error()["title"], "unauthorized");
        }
    }
}

/// Everything but the date.
fn bytes(answer: &Answer) -> (Vec<&str>, &[u8]) {
    let head = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect();
    (head, &answer.body)
}

#[test]
fn what_one_may_not_see_looks_like_what_is_not_there() {
    let terrane = Terrane::without_runner();
    let organization = json!({
        "data": { "type": "organizations", "attributes": { "name": "other", "email": "other@localhost" } }
    });
    assert_eq!(terrane.post("organizations", &organization).status, 201);
    let workspace = json!({ "data": { "type": "workspaces", "attributes": { "name": "hidden" } } });
    let created = terrane.post("organizations/other/workspaces", &workspace);
    let hidden = id(&created.json()["data"]);
    assert_eq!(terrane.get(&format!("workspaces/{hidden}")).status, 200);
    let left = terrane.execute(
        "DELETE FROM team_members WHERE team_id IN (SELECT teams.id FROM teams \
         JOIN organizations ON organizations.id = teams.organization_id WHERE organizations.name = 'other')",
    );
    assert_eq!(left, 1);

    let missing = terrane.get("workspaces/ws-aaaaaaaaaaaaaaaa");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.error()["title"], "not found");
    for path in [
        format!("workspaces/{hidden}"),
        format!("workspaces/{hidden}/runs"),
        "organizations/other/workspaces/hidden".to_owned(),
        "organizations/other/workspaces/none".to_owned(),
        "organizations/none/workspaces/hidden".to_owned(),
        "organizations/demo/workspaces/hidden".to_owned(),
        "workspaces/nonsense".to_owned(),
        "organizations/demo/workspaces/%00".to_owned(),
        "organizations/%00/workspaces".to_owned(),
        format!("organizations/{}", "a".repeat(5000)),
    ] {
        assert_eq!(bytes(&terrane.get(&path)), bytes(&missing), "{path}");
    }
    let lock = terrane.post(&format!("workspaces/{hidden}/actions/lock"), &json!({}));
    let missing = terrane.post("workspaces/ws-aaaaaaaaaaaaaaaa/actions/lock", &json!({}));
    assert_eq!(bytes(&lock), bytes(&missing));
}

#[test]
fn a_body_that_is_no_document_is_refused_with_one() {
    let terrane = Terrane::without_runner();
    let workspace = terrane.create_workspace("app");
    let paths = [
        ("POST", "runs".to_owned()),
        ("POST", "organizations/demo/workspaces".to_owned()),
        ("PATCH", format!("workspaces/{workspace}")),
        ("POST", format!("workspaces/{workspace}/configuration-versions")),
        ("POST", format!("workspaces/{workspace}/state-versions")),
    ];
    for (method, path) in paths {
        for body in ["{", "\"text\"", "[]", "{\"data\": 1}", "{\"data\": {\"attributes\": []}}", "\u{0}"] {
            let answer = terrane.call(method, &path, body.as_bytes());
            assert!(matches!(answer.status, 400 | 422), "{method} {path} {body}: {}", answer.status);
            assert!(answer.error()["detail"].is_string(), "{}", answer.text());
        }
    }
}

#[test]
fn an_attribute_of_the_wrong_type_is_named() {
    let terrane = Terrane::without_runner();
    let workspace = terrane.create_workspace("app");
    let document = json!({ "data": { "type": "workspaces", "attributes": { "auto-apply": "perhaps" } } });
    let answer = terrane.patch(&format!("workspaces/{workspace}"), &document);
    assert_eq!(answer.status, 422);
    assert_eq!(answer.error()["source"]["pointer"], "/data/attributes/auto-apply");
}

#[test]
fn an_unknown_route_is_not_found_with_an_error_document() {
    let terrane = Terrane::without_runner();
    let answer = terrane.get("no-such-thing");
    assert_eq!(answer.status, 404);
    answer.error();
}
