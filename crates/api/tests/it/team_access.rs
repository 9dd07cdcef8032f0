//! What levels of access come to, and what may be said of them.

use serde_json::{Value, json};

use crate::world::{World, text};

fn document(world: &World, kind: &str, team: &str, attributes: &Value) -> Value {
    let thing = json!({"data":{"type":kind,"id":world.id(&format!("{kind}s"))}});
    json!({"data":{"attributes":attributes,"relationships":{"team":{"data":{"type":"teams","id":team}},kind:thing}}})
}

async fn make_team(world: &World, name: &str) -> String {
    let document = json!({"data":{"attributes":{"name":name}}});
    text(&world.owner_json("POST", "/api/v2/organizations/demo/teams", &document).await["data"]["id"])
}

#[tokio::test]
async fn fixed_sets_show_what_they_hold_and_refuse_to_be_told() {
    let world = World::new().await;
    let path = format!("/api/v2/team-workspaces/{}", world.id("team-workspaces"));
    for (level, runs, variables, states, mocks, locking, tasks) in [
        ("read", "read", "read", "read", "none", false, false),
        ("plan", "plan", "read", "read", "none", false, false),
        ("write", "apply", "write", "write", "read", true, false),
        ("admin", "apply", "write", "write", "read", true, true),
        ("custom", "read", "none", "none", "none", false, false),
    ] {
        let change = json!({"data":{"attributes":{"access":level}}});
        let shown = world.owner_json("PATCH", &path, &change).await["data"]["attributes"].clone();
        let expected = json!({
            "access": level, "runs": runs, "variables": variables, "state-versions": states, "sentinel-mocks": mocks,
            "workspace-locking": locking, "run-tasks": tasks,
        });
        assert_eq!(shown, expected);
        let told = json!({"data":{"attributes":{"runs":"plan"}}}).to_string().into_bytes();
        let answer = world.send("PATCH", &path, Some(&world.owner), told).await;
        let is_custom = level == "custom";
        assert_eq!(answer.status.as_u16(), if is_custom { 200 } else { 422 }, "{level}");
        let detail = format!(
            "Runs is read-only when access level is '{level}'; use the 'custom' access level to set this attribute."
        );
        assert!(is_custom || answer.json()["errors"][0]["detail"] == detail, "{}", answer.json());
    }
}

#[tokio::test]
async fn projects_have_their_own_sets() {
    let world = World::new().await;
    let path = format!("/api/v2/team-projects/{}", world.id("team-projects"));
    for (level, settings, teams, sets, create, r#move, runs) in [
        ("read", "read", "none", "read", false, false, "read"),
        ("write", "read", "none", "write", false, false, "apply"),
        ("maintain", "read", "none", "write", true, false, "apply"),
        ("admin", "delete", "manage", "write", true, true, "apply"),
        ("custom", "read", "none", "none", false, false, "read"),
    ] {
        let change = json!({"data":{"attributes":{"access":level}}});
        let shown = world.owner_json("PATCH", &path, &change).await["data"]["attributes"].clone();
        let of_project = json!({"settings":settings,"teams":teams,"variable-sets":sets});
        assert_eq!((&shown["access"], &shown["project-access"]), (&json!(level), &of_project));
        let of_workspaces = &shown["workspace-access"];
        let some = (&of_workspaces["create"], &of_workspaces["move"], &of_workspaces["runs"]);
        assert_eq!(some, (&json!(create), &json!(r#move), &json!(runs)), "{level}");
        for told in
            [json!({"project-access":{"teams":"read"}}), json!({"workspace-access":{"move":true,"runs":"plan"}})]
        {
            let status = world.status("PATCH", &path, &world.owner, &json!({"data":{"attributes":told}})).await;
            assert_eq!(status, if level == "custom" { 200 } else { 422 }, "{level} {told}");
        }
    }
    let shown = world.owner_json("GET", &path, &json!(null)).await["data"]["attributes"].clone();
    assert_eq!(shown["project-access"], json!({"settings":"read","teams":"read","variable-sets":"none"}));
    assert_eq!(
        (&shown["workspace-access"]["move"], &shown["workspace-access"]["runs"]),
        (&json!(true), &json!("plan"))
    );
}

#[tokio::test]
async fn a_team_has_one_access_to_a_thing_and_lists_ask_for_the_thing() {
    let world = World::new().await;
    let team = make_team(&world, "second").await;
    for kind in ["workspace", "project"] {
        let all = format!("/api/v2/team-{kind}s");
        let give = document(&world, kind, &team, &json!({"access":"read"}));
        let nothing = document(&world, kind, &team, &json!({}));
        for (body, status) in [(&nothing, 422), (&give, 201), (&give, 422)] {
            assert_eq!(world.status("POST", &all, &world.owner, body).await, status, "{body}");
        }
        let one = format!("{all}?filter[{kind}][id]={}", world.id(&format!("{kind}s")));
        for (path, count) in [(one.clone(), 2), (format!("{one}&filter[team][id]={team}"), 1)] {
            let list = world.owner_json("GET", &path, &json!(null)).await;
            assert_eq!(list["data"].as_array().unwrap().len(), count, "{path}");
        }
        assert_eq!(world.status("GET", &all, &world.owner, &json!(null)).await, 400);
    }
}

#[tokio::test]
async fn an_administrator_of_a_workspace_gives_access_to_teams_that_he_sees() {
    let world = World::new().await;
    let (admins, hidden) = (make_team(&world, "admins").await, make_team(&world, "hidden").await);
    let (token, _) = world.join("administrator", &[&admins]).await;
    for kind in ["workspace", "project"] {
        let all = format!("/api/v2/team-{kind}s");
        let own = world.owner_json("POST", &all, &document(&world, kind, &admins, &json!({"access":"admin"}))).await;
        let of_hidden =
            world.owner_json("POST", &all, &document(&world, kind, &hidden, &json!({"access":"read"}))).await;
        let of_seen = format!("{all}/{}", world.id(&format!("team-{kind}s")));
        let of_hidden = format!("{all}/{}", text(&of_hidden["data"]["id"]));
        let list = format!("{all}?filter[{kind}][id]={}", world.id(&format!("{kind}s")));
        let shown = world.send("GET", &list, Some(&token), Vec::new()).await.json();
        assert_eq!(shown["data"].as_array().unwrap().len(), 2, "his own and the visible one");
        let write = json!({"data":{"attributes":{"access":"write"}}});
        for (method, path, body, status) in [
            ("PATCH", &of_seen, &write, 200),
            ("PATCH", &of_hidden, &write, 404),
            ("GET", &of_hidden, &json!(null), 404),
            ("DELETE", &of_hidden, &json!(null), 404),
            (
                "PATCH",
                &format!("{all}/{}", text(&own["data"]["id"])),
                &json!({"data":{"attributes":{"access":"read"}}}),
                200,
            ),
            ("PATCH", &of_seen, &write, 404),
        ] {
            assert_eq!(world.status(method, path, &token, body).await, status, "{method} {path}");
        }
        assert_eq!(world.status("DELETE", &of_hidden, &world.owner, &json!(null)).await, 204);
        assert_eq!(world.status("DELETE", &of_hidden, &world.owner, &json!(null)).await, 404);
    }
}
