//! Who sees and changes which team.

use serde_json::{Value, json};

use crate::world::{World, text};

const TEAMS: &str = "/api/v2/organizations/demo/teams";

async fn make_team(world: &World, attributes: Value) -> String {
    text(&world.owner_json("POST", TEAMS, &json!({"data":{"attributes":attributes}})).await["data"]["id"])
}

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().filter_map(|team| team["attributes"]["name"].as_str()).collect()
}

#[tokio::test]
async fn a_member_sees_visible_teams_and_his_own_and_changes_none() {
    let world = World::new().await;
    let mine = make_team(&world, json!({"name":"mine"})).await;
    let hidden = make_team(&world, json!({"name":"hidden"})).await;
    let (token, _) = world.join("member", &[&mine]).await;
    let list = world.send("GET", TEAMS, Some(&token), Vec::new()).await.json();
    assert_eq!(names(&list), ["mine", "readers"]);
    let people = json!({"data":[{"type":"users","id":"member"}]});
    for (team, seen) in [(mine.as_str(), 200), (world.id("teams"), 200), (hidden.as_str(), 404)] {
        let path = format!("/api/v2/teams/{team}");
        assert_eq!(world.status("GET", &path, &token, &json!(null)).await, seen);
        let rename = json!({"data":{"attributes":{"name":"other"}}});
        assert_eq!(world.status("PATCH", &path, &token, &rename).await, 404);
        assert_eq!(world.status("DELETE", &path, &token, &json!(null)).await, 404);
        assert_eq!(world.status("POST", &format!("{path}/relationships/users"), &token, &people).await, 404);
    }
    assert_eq!(world.status("POST", TEAMS, &token, &json!({"data":{"attributes":{"name":"a"}}})).await, 404);
}

#[tokio::test]
async fn lists_are_narrowed_by_names_before_parts_and_bring_what_is_asked_for() {
    let world = World::new().await;
    let team = make_team(&world, json!({"name":"alpha"})).await;
    make_team(&world, json!({"name":"alphabet"})).await;
    world.join("member", &[&team]).await;
    for (query, expected) in [
        ("q=ALPHA", vec!["alpha", "alphabet"]),
        ("filter[names]=alpha,owners", vec!["alpha", "owners"]),
        ("filter[names]=alpha&q=owners", vec!["alpha"]),
        ("page[size]=1&page[number]=2", vec!["alphabet"]),
        ("page[number]=999", vec![]),
    ] {
        let list = world.owner_json("GET", &format!("{TEAMS}?{query}"), &json!(null)).await;
        assert_eq!(names(&list), expected, "{query}");
    }
    let path = format!("/api/v2/teams/{team}?include=users,organization-memberships");
    let found = world.owner_json("GET", &path, &json!(null)).await;
    assert_eq!(found["data"]["attributes"]["users-count"], 1);
    let included: Vec<_> = found["included"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(included, ["users", "organization-memberships"]);
    assert_eq!(found["included"][0]["attributes"]["username"], "member");
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_place_and_the_reason() {
    let world = World::new().await;
    let long = "a".repeat(91);
    for (attributes, pointer) in [
        (json!({}), "name"),
        (json!({"name":"readers"}), "name"),
        (json!({"name":"a/b"}), "name"),
        (json!({"name":"nul\0"}), "name"),
        (json!({"name":long}), "name"),
        (json!({"name":"a","visibility":"public"}), "visibility"),
        (json!({"name":"a","sso-team-id":"\0"}), "sso-team-id"),
        (json!({"name":"a","organization-access":{"manage-projects":true}}), "organization-access"),
        (json!({"name":"a","organization-access":{"read-projects":true}}), "organization-access"),
        (json!({"name":"a","organization-access":{"manage-teams":"yes"}}), "organization-access"),
    ] {
        let body = json!({"data":{"attributes":attributes}}).to_string().into_bytes();
        let answer = world.send("POST", TEAMS, Some(&world.owner), body).await;
        assert_eq!(answer.status.as_u16(), 422, "{attributes}");
        let expected = format!("/data/attributes/{pointer}");
        assert_eq!(answer.json()["errors"][0]["source"]["pointer"], expected, "{attributes}");
    }
}

#[tokio::test]
async fn rights_are_given_and_taken_one_by_one_and_take_along_what_they_brought() {
    let world = World::new().await;
    let team = make_team(&world, json!({"name":"a","organization-access":{"manage-workspaces":true}})).await;
    let path = format!("/api/v2/teams/{team}");
    for (change, workspaces, read, membership) in [
        (json!({"manage-membership":true}), true, true, true),
        (json!({"manage-workspaces":false}), false, false, true),
        (json!({"read-workspaces":true,"manage-membership":null}), false, true, true),
    ] {
        let document = json!({"data":{"attributes":{"organization-access":change}}});
        let access = &world.owner_json("PATCH", &path, &document).await["data"]["attributes"]["organization-access"];
        let shown = [&access["manage-workspaces"], &access["read-workspaces"], &access["manage-membership"]];
        assert_eq!(shown, [&json!(workspaces), &json!(read), &json!(membership)], "{change}");
    }
}

#[tokio::test]
async fn the_team_of_owners_stays_and_keeps_an_owner() {
    let world = World::new().await;
    let list = world.owner_json("GET", &format!("{TEAMS}?filter[names]=owners"), &json!(null)).await;
    let owners = text(&list["data"][0]["id"]);
    let path = format!("/api/v2/teams/{owners}");
    let people = format!("{path}/relationships/users");
    let person = |name: &str| json!({"data":[{"type":"users","id":name}]});
    let settings = |attributes: Value| json!({"data":{"attributes":attributes}});
    world.join("second", &[]).await;
    for (method, path, body, status) in [
        ("DELETE", &path, json!(null), 403),
        ("PATCH", &path, settings(json!({"name":"others"})), 422),
        ("PATCH", &path, settings(json!({"visibility":"organization"})), 422),
        ("PATCH", &path, settings(json!({"organization-access":{"manage-teams":false}})), 422),
        ("PATCH", &path, settings(json!({"name":"owners","visibility":"secret"})), 200),
        ("DELETE", &people, person("admin"), 403),
        ("POST", &people, person("nobody"), 422),
        ("POST", &people, person("second"), 204),
        ("DELETE", &people, person("nobody"), 204),
        ("DELETE", &people, person("second"), 204),
    ] {
        assert_eq!(world.status(method, path, &world.owner, &body).await, status, "{method} {path} {body}");
    }
    let owners = world.owner_json("GET", &path, &json!(null)).await;
    assert_eq!(owners["data"]["attributes"]["users-count"], 1);
    assert_eq!(owners["data"]["attributes"]["permissions"]["can-destroy"], false);
}

#[tokio::test]
async fn who_may_manage_teams_gives_no_rights_and_makes_no_secrets() {
    let world = World::new().await;
    let managers = make_team(&world, json!({"name":"managers","organization-access":{"manage-teams":true}})).await;
    let secret = make_team(&world, json!({"name":"secret"})).await;
    let (token, _) = world.join("manager", &[&managers]).await;
    let visible = json!({"name":"visible","visibility":"organization"});
    let powerful = json!({"name":"p","visibility":"organization","organization-access":{"manage-workspaces":true}});
    for (attributes, status) in [(visible, 200), (json!({"name":"s"}), 422), (powerful.clone(), 404)] {
        let document = json!({"data":{"attributes":attributes}});
        assert_eq!(world.status("POST", TEAMS, &token, &document).await, status, "{attributes}");
    }
    for (team, status) in [(world.id("teams"), 200), (secret.as_str(), 404)] {
        let document = json!({"data":{"attributes":{"sso-team-id":"x"}}});
        assert_eq!(world.status("PATCH", &format!("/api/v2/teams/{team}"), &token, &document).await, status);
    }
    let document = json!({"data":{"attributes":{"organization-access":powerful["organization-access"]}}});
    let path = format!("/api/v2/teams/{}", world.id("teams"));
    assert_eq!(world.status("PATCH", &path, &token, &document).await, 404);
}
