//! No form works that no page of ours sent for this browser.

use axum::http::StatusCode;

use crate::browser::{Browser, encode};
use crate::world::World;

const NEW_PASSWORD: &str = "a new password";
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// What a form's fields are here; every form gets all of them.
fn fields(world: &World) -> Vec<(&'static str, String)> {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let mut fields: Vec<(&str, String)> = [
        ("email", "new@example.com"),
        ("description", "forged"),
        ("lifetime", "30"),
        ("key", "forged"),
        ("visibility", "secret"),
        ("read-workspaces", "true"),
        ("person", "admin"),
        ("access", "custom"),
        ("runs", "plan"),
        ("operation", "plan-and-apply"),
        ("way", "force"),
        ("body", "forged"),
        ("category", "terraform"),
        ("execution-mode", "local"),
        ("confirmation", NEW_PASSWORD),
        ("organization", "forged"),
        ("answer", "allow"),
        ("client_id", "terraform-cli"),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost:10001/login"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    fields.push(("current-password", world.password.clone()));
    fields
}

/// The path of a run to which this form does something; empty if the form is for no run.
async fn run_for(world: &World, form: &str, number: usize) -> String {
    let Some((_, act)) = form.split_once("{run}/") else { return String::new() };
    let workspace = format!("run-{number}");
    match act {
        "cancel" | "force-execute" => world.waiting_run(&workspace).await,
        "force-cancel" => world.stuck_run(&workspace).await,
        "adopt-state" | "discard-state" => world.refused_run(&workspace).await,
        _ => world.planned_run(&workspace).await,
    }
}

/// A world in which every form would do something, and the paths of all of them.
async fn prepared() -> (World, Browser, Vec<String>, String) {
    let world = World::new().await;
    let invitation = world.invite(&world.owner().await, "demo", "newcomer@example.com").await;
    let elsewhere = world.invitation_elsewhere().await;
    let browser = world.signed_in().await;
    let other = world.signed_in().await;
    let id = |secret: &str| {
        let (app, secret) = (world.app.clone(), terrane_app::callers::Secret::new(secret));
        async move { terrane_app::callers::authenticate(&app, Some(secret)).await.unwrap().token_id.unwrap() }
    };
    let session = id(other.session().unwrap()).await;
    let token = id(&world.token).await;
    let mut paths = Vec::new();
    for page in terrane_ui::pages().into_iter().filter(|page| page.method != "GET") {
        let run = run_for(&world, &page.path, paths.len()).await;
        let workspace = world.workspace_for(&page.path).await;
        let (mut team, mut member, mut access) = (String::new(), String::new(), String::new());
        if page.path.contains("{team}") {
            team = world.team(&format!("for-{}", paths.len())).await;
            member = world.only_member(&team).await;
        } else if page.path.contains("{membership}") {
            member = world.invited().await;
        }
        let mut token = token.to_string();
        if page.path.contains("{team}/tokens/{token}") {
            token = world.team_token(&team, "builds").await;
        }
        let mut version = String::new();
        if page.path.contains("{version}") {
            version = world.states_in(&workspace).await;
        }
        if page.path.contains("{access}") {
            access = world.access(page.path.contains("{workspace}").then_some(workspace.as_str())).await;
        }
        let path = page
            .path
            .replace("/app/invitations/{link}/join", &format!("{elsewhere}/join"))
            .replace("/app/invitations/{link}", &invitation)
            .replace("/app/{organization}/workspaces/{workspace}/runs/{run}", &run)
            .replace("/app/{organization}/{workspace}/runs/{run}", &run.replace("/workspaces/", "/"))
            .replace("{organization}/workspaces/{workspace}", &format!("demo/workspaces/{workspace}"))
            .replace("{organization}", "demo")
            .replace("{membership}", &member)
            .replace("{team}", &team)
            .replace("{project}", &world.default_project().await)
            .replace("{access}", &access)
            .replace("{variable}", &world.variable_in(&workspace).await)
            .replace("{token}", &token)
            .replace("{version}", &version)
            .replace("{session}", session.as_str());
        assert!(!path.contains('{') || path.contains("set-up"), "no value for {path}");
        paths.push(path);
    }
    let team = world.team("to be chosen").await;
    (world, browser, paths, team)
}

fn is_sign_up(path: &str) -> bool {
    path.starts_with("/app/invitations/") && !path.ends_with("/join")
}

/// Whether anybody may send the form, signed in or not.
fn is_for_visitors(path: &str) -> bool {
    path.contains("sign-in") || path.contains("set-up") || is_sign_up(path)
}

/// `password` is what the sign-in form is given; the form that changes it gets a new one.
fn body(world: &World, path: &str, team: &str, password: &str, token: Option<&str>) -> String {
    let fields = fields(world);
    let mut all: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // Names are unique, and each form gets one of its own.
    let name = format!("by-{}", path.rsplit('/').next().unwrap_or_default());
    all.push(("name", &name));
    all.push(("team", team));
    // Who signs up needs a name that nobody has.
    all.push(("username", if is_sign_up(path) { "newcomer" } else { "admin" }));
    all.push(("password", if path == "/app/sign-in" { password } else { NEW_PASSWORD }));
    let workspace = path.split_once("/workspaces/").and_then(|(_, rest)| rest.split('/').next());
    all.push(("typed-name", workspace.unwrap_or_default()));
    if let Some(token) = token {
        all.push(("form-token", token));
    }
    encode(&all)
}

#[tokio::test]
async fn a_forged_form_changes_nothing_and_the_same_form_from_our_page_does() {
    let (world, mut browser, mut paths, team) = prepared().await;
    browser.get("/app/settings/profile").await;
    let own = browser.form_token.clone();
    let mut stranger = world.browser();
    stranger.get("/app/sign-in").await;
    let strangers = stranger.form_token.clone();
    let before = world.content();
    assert!(before.contains("planned"), "the content of the database is not seen");
    for path in &paths {
        let forgeries = [
            ("another site", Some(("sec-fetch-site", "cross-site")), Some(own.as_str())),
            ("a neighbour", Some(("sec-fetch-site", "same-site")), Some(own.as_str())),
            ("an old browser on another site", Some(("origin", "https://evil.example")), Some(own.as_str())),
            ("a program that says nothing", None, Some(own.as_str())),
            ("our page without token", Some(SAME_ORIGIN), None),
            ("our page with a stranger's token", Some(SAME_ORIGIN), Some(strangers.as_str())),
            ("our page with a made-up token", Some(SAME_ORIGIN), Some("00")),
        ];
        for (what, header, token) in forgeries {
            let headers: Vec<_> = header.into_iter().collect();
            let answer = browser.send("POST", path, &headers, body(&world, path, &team, &world.password, token)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {what}");
        }
        // The visitor's own token does for the door, never for a session.
        let mut both = browser.clone();
        both.cookies.extend(stranger.cookies.clone());
        if !is_for_visitors(path) {
            let answer = both
                .send("POST", path, &[SAME_ORIGIN], body(&world, path, &team, &world.password, Some(&strangers)))
                .await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with a visitor's token");
        }
    }
    assert_eq!(world.content(), before);

    // The control: sent by our page, each of them does something. What ends this session comes last.
    paths.retain(|path| !path.contains("set-up"));
    paths.sort_by_key(|path| {
        (is_for_visitors(path) || path.contains("sign-out"), path.contains("delete-all"), path.ends_with("/password"))
    });
    for path in paths {
        if browser.session().is_none() {
            assert_eq!(browser.sign_in("admin", NEW_PASSWORD).await.location(), "/app", "before {path}");
        }
        browser.get("/app/settings/profile").await;
        let before = world.content();
        let text = body(&world, &path, &team, NEW_PASSWORD, Some(&browser.form_token));
        let answer = browser.send("POST", &path, &[SAME_ORIGIN], text).await;
        assert!(!answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.body);
        assert_ne!(world.content(), before, "{path} did nothing");
        world.pass(std::time::Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_form_has_room_for_the_longest_value_and_not_for_much_more() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let workspace = world.workspace_for("variables").await;
    let here = format!("/app/demo/workspaces/{workspace}/variables");
    browser.get(&here).await;
    // Each byte travels as three.
    let long = |bytes: usize| "é".repeat(bytes / 2);
    for (bytes, status, text) in [
        (256 * 1024, StatusCode::SEE_OTHER, ""),
        (256 * 1024 + 2, StatusCode::UNPROCESSABLE_ENTITY, "Value is too long"),
        (1024 * 1024, StatusCode::UNPROCESSABLE_ENTITY, "the form is too long"),
    ] {
        let value = long(bytes);
        let fields = [("key", "long"), ("value", value.as_str()), ("category", "env")];
        let answer = browser.submit(&here, &fields).await;
        assert_eq!(answer.status, status, "{bytes}");
        assert!(answer.body.contains(text), "{bytes}");
    }
    assert!(browser.get(&here).await.body.contains(&long(256 * 1024)));
}
