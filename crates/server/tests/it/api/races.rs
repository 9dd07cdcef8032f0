//! Many who do the same at the same moment: one of them succeeds, and the others hear why they do not.

use std::thread;

use serde_json::{Value, json};

use crate::bench::{Terrane, id};

/// The statuses of one call that several make at once, sorted.
fn at_once(terrane: &Terrane, method: &str, calls: &[(String, Value)]) -> Vec<u16> {
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let call = |(path, body): &(String, Value)| terrane.call(method, path, body.to_string().as_bytes()).status;
        let threads: Vec<_> = calls.iter().map(|each| scope.spawn(move || call(each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses
}

fn made(terrane: &Terrane, path: &str, attributes: &Value) -> String {
    let answer = terrane.post(path, &json!({ "data": { "attributes": attributes } }));
    assert!(answer.status < 300, "{path}: {}", answer.text());
    id(&answer.json()["data"])
}

#[test]
fn a_name_a_place_and_a_token_have_one_taker() {
    let terrane = Terrane::without_runner();
    let team = made(&terrane, "organizations/demo/teams", &json!({ "name": "builders" }));
    let workspace = terrane.create_workspace("app");
    let access = json!({ "data": { "attributes": { "access": "read" }, "relationships": {
        "team": { "data": { "type": "teams", "id": team } },
        "workspace": { "data": { "type": "workspaces", "id": workspace } },
    } } });
    let of = |attributes: Value| json!({ "data": { "attributes": attributes } });
    for (path, body, success) in [
        ("organizations/demo/teams", of(json!({ "name": "same" })), 200),
        ("organizations/demo/organization-memberships", of(json!({ "email": "same@example.org" })), 201),
        (&format!("teams/{team}/authentication-tokens"), of(json!({ "description": "same" })), 201),
        ("team-workspaces", access, 201),
    ] {
        let statuses = at_once(&terrane, "POST", &vec![(path.to_owned(), body); 6]);
        assert_eq!(statuses, [success, 422, 422, 422, 422, 422], "{path}");
    }
}

#[test]
fn two_owners_cannot_both_be_the_last_to_leave() {
    let terrane = Terrane::without_runner();
    made(&terrane, "organizations/demo/organization-memberships", &json!({ "email": "second@example.org" }));
    terrane.execute("UPDATE users SET username = 'second' WHERE username = ''");
    terrane.execute("UPDATE organization_memberships SET status = 'active'");
    let owners = id(&terrane.get("organizations/demo/teams?q=owners").json()["data"][0]);
    let path = format!("teams/{owners}/relationships/users");
    let person = |name: &str| json!({ "data": [{ "type": "users", "id": name }] });
    for _ in 0..10 {
        assert_eq!(terrane.post(&path, &person("second")).status, 204);
        // Whoever comes second may not; if the caller himself left, it has no right to anything any more.
        let calls = [(path.clone(), person("second")), (path.clone(), person("admin"))];
        let statuses = at_once(&terrane, "DELETE", &calls);
        assert!(statuses == [204, 403] || statuses == [204, 404], "{statuses:?}");
        terrane.execute("INSERT INTO team_members (team_id, user_id) SELECT t.id, u.id FROM teams t, users u WHERE t.name = 'owners' AND u.username = 'admin' ON CONFLICT DO NOTHING");
    }
}
