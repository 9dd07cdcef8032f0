//! Invitations, and how memberships begin and end.

use serde_json::{Value, json};
use terrane_app::AppError;
use terrane_app::callers::{Secret, authenticate};
use terrane_app::organization_memberships::{accept, accept_as, invitation};

use crate::world::{World, text};

const MEMBERSHIPS: &str = "/api/v2/organizations/demo/organization-memberships";

async fn invite(world: &World, email: &str, teams: Value) -> (String, Secret) {
    let document = json!({"data":{"attributes":{"email":email},"relationships":{"teams":{"data":teams}}}});
    let made = world.owner_json("POST", MEMBERSHIPS, &document).await;
    assert_eq!(made["data"]["attributes"]["status"], "invited");
    assert_eq!(made["included"][0]["type"], "users");
    let url = text(&made["data"]["attributes"]["invitation-url"]);
    (text(&made["data"]["id"]), Secret::new(url.rsplit('/').next().unwrap()))
}

#[tokio::test]
async fn an_invitation_is_told_once_and_lets_one_person_in() {
    let world = World::new().await;
    let team = json!([{"type":"teams","id":world.id("teams")}]);
    let (id, link) = invite(&world, "new@example.org", team).await;
    let path = format!("/api/v2/organization-memberships/{id}?include=user,teams");
    let read = world.owner_json("GET", &path, &json!(null)).await;
    assert!(read["data"]["attributes"]["invitation-url"].is_null());
    assert_eq!(read["data"]["relationships"]["teams"]["data"][0]["id"], world.id("teams"));
    let shown = invitation(&world.app, link.clone()).await.unwrap();
    assert_eq!((shown.organization.as_str(), shown.email.as_str()), ("demo", "new@example.org"));
    assert_eq!(world.send("GET", "/api/v2/account/details", Some(link.reveal()), Vec::new()).await.status, 401);
    for name in ["", "a b", "admin"] {
        let refused = accept(&world.app, link.clone(), name.to_owned()).await;
        assert!(matches!(refused, Err(AppError::Invalid { .. })), "{name}");
    }
    accept(&world.app, link.clone(), "new".to_owned()).await.unwrap();
    assert!(matches!(accept(&world.app, link.clone(), "other".to_owned()).await, Err(AppError::NotFound)));
    assert!(matches!(invitation(&world.app, link).await, Err(AppError::NotFound)));
    let read = world.owner_json("GET", &path, &json!(null)).await;
    assert_eq!(read["data"]["attributes"]["status"], "active");
    assert_eq!(read["included"][0]["attributes"]["username"], "new");
}

#[tokio::test]
async fn an_invitation_is_accepted_by_an_account_that_exists() {
    let world = World::new().await;
    let team = json!([{"type":"teams","id":world.id("teams")}]);
    let (_, link) = invite(&world, "o@example.org", team).await;
    let outsider = authenticate(&world.app, Some(Secret::new(world.outsider.clone()))).await.unwrap();
    let path = format!("/api/v2/teams/{}", world.id("teams"));
    assert_eq!(world.status("GET", &path, &world.outsider, &json!(null)).await, 404);
    accept_as(&world.app, &outsider, link.clone()).await.unwrap();
    assert_eq!(world.status("GET", &path, &world.outsider, &json!(null)).await, 200);
    assert!(matches!(accept_as(&world.app, &outsider, link).await, Err(AppError::NotFound)));
    let own = world.send("GET", "/api/v2/organization-memberships", Some(&world.outsider), Vec::new()).await.json();
    assert_eq!(own["data"][0]["relationships"]["organization"]["data"]["id"], "demo");
}

#[tokio::test]
async fn who_comes_back_has_what_the_new_invitation_gives() {
    let world = World::new().await;
    let outsider = authenticate(&world.app, Some(Secret::new(world.outsider.clone()))).await.unwrap();
    let workspace = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    for (teams, sees) in [(json!([{"type":"teams","id":world.id("teams")}]), 200), (json!([]), 404)] {
        let (id, link) = invite(&world, "again@example.org", teams).await;
        accept_as(&world.app, &outsider, link).await.unwrap();
        assert_eq!(world.status("GET", &workspace, &world.outsider, &json!(null)).await, sees);
        let path = format!("/api/v2/organization-memberships/{id}");
        assert_eq!(world.status("DELETE", &path, &world.owner, &json!(null)).await, 204);
    }
}

#[tokio::test]
async fn a_link_ends_with_its_invitation() {
    let world = World::new().await;
    let (id, link) = invite(&world, "gone@example.org", json!([])).await;
    let path = format!("/api/v2/organization-memberships/{id}");
    assert_eq!(world.status("DELETE", &path, &world.owner, &json!(null)).await, 204);
    assert!(matches!(accept(&world.app, link, "gone".to_owned()).await, Err(AppError::NotFound)));
    assert_eq!(world.status("GET", &path, &world.owner, &json!(null)).await, 404);
    invite(&world, "gone@example.org", json!([])).await;
}

#[tokio::test]
async fn what_makes_no_invitation() {
    let world = World::new().await;
    let (member, _) = world.join("member", &[]).await;
    let document = |email: &str, team: &str| {
        let teams = if team.is_empty() { json!([]) } else { json!([{"type":"teams","id":team}]) };
        json!({"data":{"attributes":{"email":email},"relationships":{"teams":{"data":teams}}}})
    };
    for (token, document, status) in [
        (&world.owner, document("no-address", ""), 422),
        (&world.owner, document("INVITED@example.org", ""), 422),
        (&world.owner, document("member@example.org", ""), 422),
        (&world.owner, document("a@example.org", "team-1111111111111111"), 404),
        (&world.owner, document("a@example.org", "nonsense"), 404),
        (&member, document("a@example.org", ""), 404),
    ] {
        assert_eq!(world.status("POST", MEMBERSHIPS, token, &document).await, status, "{document}");
    }
}

#[tokio::test]
async fn lists_count_by_status_and_find_by_address_and_name() {
    let world = World::new().await;
    world.join("member", &[]).await;
    for (query, expected) in [
        ("", vec!["admin@localhost", "invited@example.org", "member@example.org"]),
        ("?filter[status]=invited", vec!["invited@example.org"]),
        ("?filter[email]=invited@example.org,member@example.org", vec!["invited@example.org", "member@example.org"]),
        ("?q=MEMB", vec!["member@example.org"]),
        ("?q=example.org&filter[status]=active", vec!["member@example.org"]),
        ("?page[size]=1&page[number]=2", vec!["invited@example.org"]),
    ] {
        let list = world.owner_json("GET", &format!("{MEMBERSHIPS}{query}"), &json!(null)).await;
        let rows = list["data"].as_array().unwrap().iter();
        let emails: Vec<&str> = rows.filter_map(|row| row["attributes"]["email"].as_str()).collect();
        assert_eq!(emails, expected, "{query}");
        assert_eq!(list["meta"]["status-counts"], json!({"active":2,"invited":1,"total":3}));
    }
    for query in ["?filter[status]=gone", "?include=users", "?q=%00"] {
        assert_eq!(world.status("GET", &format!("{MEMBERSHIPS}{query}"), &world.owner, &json!(null)).await, 400);
    }
}

#[tokio::test]
async fn owners_are_removed_by_owners_and_not_by_themselves() {
    let world = World::new().await;
    let list = world.owner_json("GET", MEMBERSHIPS, &json!(null)).await;
    let own = format!("/api/v2/organization-memberships/{}", text(&list["data"][0]["id"]));
    let document = json!({"data":{"attributes":{"name":"inviters","organization-access":{"manage-membership":true}}}});
    let team = text(&world.owner_json("POST", "/api/v2/organizations/demo/teams", &document).await["data"]["id"]);
    let (inviter, _) = world.join("inviter", &[&team]).await;
    let (_, plain) = world.join("plain", &[]).await;
    let plain = format!("/api/v2/organization-memberships/{plain}");
    let owners = world.owner_json("GET", "/api/v2/organizations/demo/teams?q=owners", &json!(null)).await;
    let promote = format!("/api/v2/teams/{}/relationships/users", text(&owners["data"][0]["id"]));
    let inviter_himself = json!({"data":[{"type":"users","id":"inviter"}]});
    let (_, second) = world.join("second", &[]).await;
    let second = format!("/api/v2/organization-memberships/{second}");
    let second_himself = json!({"data":[{"type":"users","id":"second"}]});
    for (token, method, path, body, status) in [
        (&world.owner, "DELETE", &own, json!(null), 403),
        (&inviter, "DELETE", &own, json!(null), 403),
        (&inviter, "POST", &promote, inviter_himself, 404),
        (&world.owner, "POST", &promote, second_himself, 204),
        (&inviter, "DELETE", &second, json!(null), 403),
        (&world.owner, "DELETE", &own, json!(null), 403),
        (&world.owner, "DELETE", &second, json!(null), 204),
        (&inviter, "DELETE", &plain, json!(null), 204),
        (&inviter, "DELETE", &plain, json!(null), 404),
    ] {
        assert_eq!(world.status(method, path, token, &body).await, status, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_taken_from_a_person_is_gone_with_the_next_call() {
    let world = World::new().await;
    let team = world.id("teams").to_owned();
    let (token, membership) = world.join("member", &[&team]).await;
    let workspace = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let lock = format!("{workspace}/actions/lock");
    let access = |id: &str, level: &str| {
        (
            format!("/api/v2/team-{id}/{}", world.id(&format!("team-{id}"))),
            json!({"data":{"attributes":{"access":level}}}),
        )
    };
    let (on_workspace, write) = access("workspaces", "write");
    let (on_project, read) = access("projects", "read");
    let people = json!({"data":[{"type":"users","id":"member"}]});
    let in_team = format!("/api/v2/teams/{team}/relationships/users");
    let membership = format!("/api/v2/organization-memberships/{membership}");
    let none = json!(null);
    // What the owner does, and what the member is answered then: for the workspace, and for its lock.
    for (method, path, body, sees, locks) in [
        ("PATCH", &on_project, &read, 200, 404),
        ("PATCH", &on_workspace, &write, 200, 409),
        ("PATCH", &on_workspace, &read, 200, 404),
        ("DELETE", &on_project, &none, 200, 404),
        ("DELETE", &in_team, &people, 404, 404),
        ("POST", &in_team, &people, 200, 404),
        ("DELETE", &on_workspace, &none, 404, 404),
        ("DELETE", &membership, &none, 404, 404),
    ] {
        assert!(world.status(method, path, &world.owner, body).await < 300, "{method} {path}");
        assert_eq!(world.status("GET", &workspace, &token, &none).await, sees, "{method} {path}");
        assert_eq!(world.status("POST", &lock, &token, &json!({"reason":""})).await, locks, "{method} {path}");
    }
    assert_eq!(world.status("GET", "/api/v2/organizations/demo", &token, &none).await, 404);
    assert_eq!(world.status("GET", "/api/v2/account/details", &token, &none).await, 200);
}
