//! The account's pages: password, tokens, sessions.

use std::time::Duration;

use axum::http::StatusCode;
use terrane_app::callers::{Secret, authenticate};

use crate::world::World;

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_is_the_only_one() {
    let world = World::new().await;
    let (mut browser, mut other) = (world.signed_in().await, world.signed_in().await);
    browser.get("/app/settings/profile").await;
    let change = |current: &'static str, new: &'static str, again: &'static str| {
        [("current-password", current), ("password", new), ("confirmation", again)]
    };
    let current: &'static str = world.password.clone().leak();
    for (fields, what) in [
        (change("wrong", "a new password", "a new password"), "Current password is invalid"),
        (change(current, "too short", "too short"), "too short"),
        (change(current, "a new password", "another password"), "not the same"),
    ] {
        let answer = browser.submit("/app/settings/password", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(what), "{what}: {}", answer.body);
    }
    let answer = browser.submit("/app/settings/password", &change(current, "a new password", "a new password")).await;
    assert!(answer.body.contains("The password was changed."), "{}", answer.body);
    assert_eq!(browser.get("/app").await.status, StatusCode::OK);
    world.pass(Duration::from_mins(1));
    assert!(other.get("/app").await.status.is_redirection());
    assert_eq!(world.browser().sign_in("admin", current).await.status, StatusCode::UNAUTHORIZED);
    assert!(world.browser().sign_in("admin", "a new password").await.status.is_redirection());
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_deleted() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    browser.get("/app/settings/tokens").await;
    let fields = [("description", "<b>for my laptop"), ("lifetime", "30")];
    let answer = browser.submit("/app/settings/tokens", &fields).await;
    let (_, rest) = answer.body.split_once("readonly value=\"").unwrap();
    let secret = rest.split_once('"').unwrap().0.to_owned();
    let page = browser.get("/app/settings/tokens").await;
    assert!(page.body.contains("&lt;b&gt;for my laptop") && !page.body.contains(&secret), "{}", page.body);
    let caller = authenticate(&world.app, Some(Secret::new(secret.as_str()))).await.unwrap();
    let path = format!("/app/settings/tokens/{}/delete", caller.token_id.unwrap());
    assert_eq!(browser.submit(&path, &[]).await.location(), "/app/settings/tokens");
    assert!(authenticate(&world.app, Some(Secret::new(secret))).await.is_err());
    assert_eq!(browser.submit(&path, &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_and_all_at_once() {
    let world = World::new().await;
    let mut browsers = [world.signed_in().await, world.signed_in().await, world.signed_in().await];
    let page = browsers[0].get("/app/settings/sessions").await;
    let ids: Vec<String> = page
        .body
        .split("/app/settings/sessions/")
        .filter_map(|rest| rest.split_once("/delete\"").map(|(id, _)| id.to_owned()))
        .filter(|id| id.starts_with("at-"))
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(page.body.matches("this browser").count(), 1);
    // The newest first: the last browser.
    browsers[0].submit(&format!("/app/settings/sessions/{}/delete", ids[0]), &[]).await;
    assert!(browsers[2].get("/app").await.status.is_redirection());
    assert_eq!(browsers[1].get("/app").await.status, StatusCode::OK);
    assert_eq!(browsers[0].submit("/app/settings/sessions/delete-all", &[]).await.location(), "/app/sign-in");
    for browser in &mut browsers {
        assert!(browser.get("/app").await.status.is_redirection());
    }
}

#[tokio::test]
async fn name_and_address_are_changed_and_checked() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    browser.get("/app/settings/profile").await;
    let answer = browser.submit("/app/settings/profile", &[("username", "a b"), ("email", "a@b")]).await;
    assert!(answer.body.contains("Username may only contain"), "{}", answer.body);
    let answer = browser.submit("/app/settings/profile", &[("username", "ada"), ("email", "ada@example.com")]).await;
    assert_eq!(answer.location(), "/app/settings/profile");
    assert!(browser.get("/app/settings/profile").await.body.contains("ada@example.com"));
    assert!(world.browser().sign_in("ada", &world.password).await.status.is_redirection());
}
