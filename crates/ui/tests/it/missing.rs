//! Addresses that lead nowhere.

use axum::http::StatusCode;

use crate::world::World;

const NOWHERE: [&str; 8] = [
    "/app/",
    "/app/demo",
    "/app/nobody/workspaces",
    "/app/demo/workspaces/none",
    "/app/demo/workspaces/none/settings",
    "/app/demo/workspaces/app/nonsense/and/more",
    "/app/demo/workspaces/app/runs/run-1",
    "/app/%ff/workspaces/%00",
];

#[tokio::test]
async fn every_address_that_leads_nowhere_is_the_same_page() {
    let world = World::new().await;
    world.invitation_elsewhere().await;
    let mut browser = world.signed_in().await;
    let unknown = browser.get("/app/demo/nonsense").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.body.contains("<h1>Nothing here</h1>"), "{}", unknown.body);
    // The organization exists, but this person is not in it.
    for path in NOWHERE.into_iter().chain(["/app/elsewhere/workspaces", "/app/elsewhere/settings/teams"]) {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, &answer.body), (unknown.status, &unknown.body), "{path}");
        assert_eq!(answer.headers, unknown.headers, "{path}");
    }
    for path in NOWHERE.into_iter().filter(|path| !path.contains('%')) {
        let answer = world.browser().get(path).await;
        assert!(answer.location().starts_with("/app/sign-in?next="), "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_page_does_not_know_is_answered_by_a_page() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    browser.get("/app/settings/profile").await;
    let token = format!("form-token={}", browser.form_token);
    let ours = [("sec-fetch-site", "same-origin")];
    for (method, path) in [("GET", "/app/sign-out"), ("POST", "/app/settings/sessions"), ("PUT", "/app")] {
        let answer = browser.send(method, path, &ours, token.clone()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(answer.header("content-type").starts_with("text/html"), "{method} {path}");
        assert!(!answer.header("allow").is_empty(), "{method} {path}");
    }
}
