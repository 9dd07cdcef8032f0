//! Tokens: whose they are, what they say of themselves, and how they end.

use serde_json::{Value, json};

use crate::world::{World, text};

const DETAILS: &str = "/api/v2/account/details";

fn secret(made: &Value) -> String {
    text(&made["data"]["attributes"]["token"])
}

#[tokio::test]
async fn a_token_of_every_kind_ends_at_once_however_it_is_ended() {
    let world = World::new().await;
    let none = json!(null);
    let of_user = format!("/api/v2/users/{}/authentication-tokens", world.id("users"));
    let of_team = format!("/api/v2/teams/{}/authentication-token", world.id("teams"));
    let of_organization = "/api/v2/organizations/demo/authentication-token".to_owned();
    let named = format!("/api/v2/teams/{}/authentication-tokens", world.id("teams"));
    // How it is made, and how it ends: by its id if nothing is said.
    for (make, method, end) in [
        (&of_user, "DELETE", None),
        (&of_team, "DELETE", None),
        (&of_team, "DELETE", Some(&of_team)),
        (&of_team, "POST", Some(&of_team)),
        (&of_organization, "DELETE", None),
        (&of_organization, "DELETE", Some(&of_organization)),
        (&of_organization, "POST", Some(&of_organization)),
        (&named, "DELETE", None),
        (&named, "DELETE", Some(&format!("/api/v2/teams/{}", world.id("teams")))),
    ] {
        let made = world.owner_json("POST", make, &none).await;
        let token = secret(&made);
        assert_eq!(world.status("GET", DETAILS, &token, &none).await, 200, "{make}");
        let by_id = format!("/api/v2/authentication-tokens/{}", text(&made["data"]["id"]));
        let mut shown = world.owner_json("GET", &by_id, &none).await;
        assert_eq!(shown["data"]["attributes"]["token"], none);
        shown["data"]["attributes"]["token"] = json!(token);
        assert_eq!(shown, made);
        assert!(world.status(method, end.unwrap_or(&by_id), &world.owner, &none).await < 300);
        assert_eq!(world.status("GET", DETAILS, &token, &none).await, 401, "{make}");
        assert_eq!(world.status("GET", &by_id, &world.owner, &none).await, 404, "{make}");
    }
}

#[tokio::test]
async fn a_team_and_an_organization_have_accounts_that_name_them_and_make_tokens() {
    let world = World::new().await;
    let none = json!(null);
    let organization =
        secret(&world.owner_json("POST", "/api/v2/organizations/demo/authentication-token", &none).await);
    let team = world.id("team-token").to_owned();
    let path = format!("/api/v2/teams/{}/authentication-tokens", world.id("teams"));
    for (token, kind, id, name) in [
        (&world.owner, "users", world.id("users"), "admin"),
        (&team, "teams", world.id("teams"), "api-team_"),
        (&organization, "organizations", "demo", "api-org-demo-"),
    ] {
        let account = world.send("GET", DETAILS, Some(token), Vec::new()).await.json();
        let named = json!({"type":kind,"id":id});
        assert_eq!(account["data"]["relationships"]["authenticated-resource"]["data"], named);
        assert_eq!(account["data"]["attributes"]["is-service-account"], kind != "users");
        assert!(text(&account["data"]["attributes"]["username"]).starts_with(name));
        let document =
            json!({"data":{"attributes":{"description":format!("made by {kind}")}}}).to_string().into_bytes();
        let made = world.send("POST", &path, Some(token), document).await.json();
        assert_eq!(made["data"]["relationships"]["created-by"]["data"], named);
    }
}

#[tokio::test]
async fn descriptions_and_ends_are_kept_or_refused() {
    let world = World::new().await;
    let path = format!("/api/v2/teams/{}/authentication-tokens", world.id("teams"));
    let long = "a".repeat(256);
    for (attributes, status) in [
        (json!({}), 201),
        (json!({"description":""}), 422),
        (json!({"description":"a","expired-at":"2100-01-01T00:00:00Z"}), 201),
        (json!({"description":"a"}), 422),
        (json!({"description":"never","expired-at":null}), 201),
        (json!({"description":"past","expired-at":"2000-01-01T00:00:00Z"}), 422),
        (json!({"description":"time","expired-at":"tomorrow"}), 422),
        (json!({"description":"nul\0"}), 422),
        (json!({"description":long}), 422),
    ] {
        let document = json!({"data":{"attributes":attributes}});
        assert_eq!(world.status("POST", &path, &world.owner, &document).await, status, "{attributes}");
    }
    let list = world.owner_json("GET", "/api/v2/organizations/demo/team-tokens", &json!(null)).await;
    let rows = list["data"].as_array().unwrap().iter().map(|row| &row["attributes"]);
    let ends: Vec<_> = rows.map(|row| (row["description"].as_str(), row["expired-at"].as_str())).collect();
    // The two that say nothing of it end two years from now.
    assert_eq!(ends[2..], [(Some("a"), Some("2100-01-01T00:00:00.000Z")), (Some("never"), None)]);
}

#[tokio::test]
async fn team_tokens_are_listed_for_who_manages_them_in_the_order_asked_for() {
    let world = World::new().await;
    for (name, end) in [("b", "2100-01-01T00:00:00Z"), ("a", "2200-01-01T00:00:00Z")] {
        let team = json!({"data":{"attributes":{"name":name}}});
        let team = world.owner_json("POST", "/api/v2/organizations/demo/teams", &team).await;
        let path = format!("/api/v2/teams/{}/authentication-tokens", text(&team["data"]["id"]));
        let document = json!({"data":{"attributes":{"description":name,"expired-at":end}}});
        world.owner_json("POST", &path, &document).await;
    }
    let list = "/api/v2/organizations/demo/team-tokens";
    for (query, expected) in [
        ("", vec!["", "b", "a"]),
        ("?sort=-expired-at", vec!["a", "b", ""]),
        ("?sort=team-name", vec!["a", "b", ""]),
        ("?sort=created-by", vec!["", "b", "a"]),
        ("?q=B", vec!["b"]),
    ] {
        let found = world.owner_json("GET", &format!("{list}{query}"), &json!(null)).await;
        let rows = found["data"].as_array().unwrap().iter();
        let rows: Vec<_> = rows.map(|row| row["attributes"]["description"].as_str().unwrap_or_default()).collect();
        assert_eq!(rows, expected, "{query}");
    }
    assert_eq!(world.status("GET", &format!("{list}?sort=age"), &world.owner, &json!(null)).await, 400);
    let (member, _) = world.join("member", &[]).await;
    let (reader, _) = world.join("reader", &[world.id("teams")]).await;
    for (token, count) in [(&member, 0), (&reader, 1)] {
        let found = world.send("GET", list, Some(token), Vec::new()).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), count);
    }
    let lock = json!({"data":{"attributes":{"allow-member-token-management":false}}});
    world.owner_json("PATCH", &format!("/api/v2/teams/{}", world.id("teams")), &lock).await;
    let path = format!("/api/v2/teams/{}/authentication-token", world.id("teams"));
    assert_eq!(world.status("GET", &path, &reader, &json!(null)).await, 404);
}

#[tokio::test]
async fn tokens_of_other_people_are_not_seen() {
    let world = World::new().await;
    let (member, _) = world.join("member", &[]).await;
    let of_owner = format!("/api/v2/users/{}/authentication-tokens", world.id("users"));
    let made = world.owner_json("POST", &of_owner, &json!(null)).await;
    let one = format!("/api/v2/authentication-tokens/{}", text(&made["data"]["id"]));
    let none = json!(null);
    for (method, path, status) in [
        ("GET", one.as_str(), 404),
        ("DELETE", one.as_str(), 404),
        ("POST", of_owner.as_str(), 404),
        ("GET", of_owner.as_str(), 200),
        ("GET", "/api/v2/users/user-1111111111111111/authentication-tokens", 404),
    ] {
        assert_eq!(world.status(method, path, &member, &none).await, status, "{method} {path}");
    }
    let list = world.send("GET", &of_owner, Some(&member), Vec::new()).await.json();
    assert_eq!(list["data"], json!([]));
    let list = world.owner_json("GET", &of_owner, &none).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "that of the world and the new one, no session");
}

#[tokio::test]
async fn the_token_of_the_audit_trail_is_another_than_the_organizations() {
    let world = World::new().await;
    let path = "/api/v2/organizations/demo/authentication-token";
    let audit = format!("{path}?token=audit-trails");
    let (one, other) =
        (world.owner_json("POST", path, &json!(null)).await, world.owner_json("POST", &audit, &json!(null)).await);
    for (path, made) in [(path, &one), (audit.as_str(), &other)] {
        assert_eq!(world.owner_json("GET", path, &json!(null)).await["data"]["id"], made["data"]["id"]);
    }
    let token = secret(&other);
    for path in [DETAILS, "/api/v2/organizations/demo", "/api/v2/organizations/demo/teams", path] {
        assert_eq!(world.status("GET", path, &token, &json!(null)).await, 404, "{path}");
    }
    // The organization's own token may replace itself, but changes no settings and starts no runs.
    assert_eq!(world.status("POST", path, &secret(&one), &json!(null)).await, 201);
    assert_eq!(world.status("GET", &format!("{path}?token=other"), &world.owner, &json!(null)).await, 400);
}
