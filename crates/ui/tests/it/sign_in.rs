//! Signing in and out, and how long a session lives.

use std::time::Duration;

use axum::http::StatusCode;
use terrane_app::AppError;
use terrane_app::callers::{Secret, authenticate};

use crate::browser::text;
use crate::world::World;

#[tokio::test]
async fn a_person_signs_in_with_a_password_and_out_again() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert_eq!(browser.get("/app").await.location(), "/app/sign-in?next=%2Fapp");
    let answer = browser.sign_in("admin", &world.password).await;
    let cookie = answer.cookie("terrane_session").unwrap();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=604800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(browser.get("/app").await.body.contains("demo"));
    // A copy of the cookie is worth nothing once its owner has left.
    let mut thief = browser.clone();
    browser.get("/app/settings/profile").await;
    assert_eq!(browser.submit("/app/sign-out", &[]).await.location(), "/app/sign-in");
    assert!(browser.session().is_none());
    assert!(thief.get("/app").await.status.is_redirection());
}

#[tokio::test]
async fn the_cookie_is_held_to_host_and_tls_where_there_is_tls() {
    let world = World::at("https://terrane.example.com").await;
    let mut browser = world.browser();
    let answer = browser.sign_in("admin", &world.password).await;
    let cookie = answer.cookie("__Host-terrane_session").unwrap();
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/") && !cookie.contains("Domain"), "{cookie}");
    assert_eq!(browser.get("/app").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_sign_in_makes_a_new_session_and_ends_the_one_before() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let before = browser.clone();
    // The page goes on at once for who is signed in; the form of another tab may still be there.
    assert_eq!(browser.get("/app/sign-in?next=/app/settings/tokens").await.location(), "/app/settings/tokens");
    browser.get("/app/settings/profile").await;
    let fields = [("username", "admin"), ("password", world.password.as_str())];
    assert_eq!(browser.submit("/app/sign-in", &fields).await.location(), "/app");
    assert_ne!(browser.session(), before.session());
    assert!(before.clone().get("/app").await.status.is_redirection());
    assert_eq!(browser.get("/app").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_get_the_same_answer() {
    let world = World::new().await;
    let mut browser = world.browser();
    let known = browser.sign_in("admin", "not the password").await;
    let unknown = browser.sign_in("nobody", "not the password").await;
    assert_eq!(known.status, StatusCode::UNAUTHORIZED);
    assert_eq!(known.status, unknown.status);
    assert_eq!(known.body.replace("admin", "nobody"), unknown.body);
    assert!(browser.session().is_none());
}

#[tokio::test]
async fn guesses_are_slowed_for_an_account_wherever_they_come_from() {
    let world = World::new().await;
    for name in ["admin", "nobody"] {
        let mut refused = Vec::new();
        for number in 0..7 {
            let mut browser = world.browser();
            browser.address = [192, 0, 2, number];
            let answer = browser.sign_in(name, "not the password").await;
            refused.push(answer.status == StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(refused[usize::from(number)], answer.headers.contains_key("retry-after"));
        }
        assert_eq!(refused, [false, false, false, false, false, true, true], "{name}");
    }
    // The right password has to wait too, or the answer would tell that it is right.
    assert_eq!(world.browser().sign_in("admin", &world.password).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.pass(Duration::from_mins(1));
    assert!(world.browser().sign_in("admin", &world.password).await.status.is_redirection());
}

#[tokio::test]
async fn guesses_are_slowed_for_an_address_whatever_the_names() {
    let world = World::new().await;
    let mut browser = world.browser();
    let mut taken = 0;
    for number in 0..25 {
        let answer = browser.sign_in(&format!("name-{number}"), "").await;
        taken += usize::from(answer.status == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(taken, 20);
    let mut elsewhere = world.browser();
    elsewhere.address = [192, 0, 2, 2];
    assert_eq!(elsewhere.sign_in("name-24", "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_without_use_and_after_a_week_of_use() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let mut idle = world.signed_in().await;
    for hour in (0..7 * 24 - 10).step_by(10) {
        assert_eq!(browser.get("/app").await.status, StatusCode::OK, "hour {hour}");
        terrane_app::tokens::store_uses(&world.app).await.unwrap();
        world.pass(Duration::from_hours(10));
        if hour > 0 {
            assert!(idle.get("/app").await.status.is_redirection());
        }
    }
    assert_eq!(browser.get("/app").await.status, StatusCode::OK);
    world.pass(Duration::from_hours(10));
    assert!(browser.get("/app").await.status.is_redirection());
}

#[tokio::test]
async fn the_secret_of_a_session_is_no_link_and_a_token_is_no_cookie() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let session = browser.session().unwrap().clone();
    assert_eq!(world.browser().get(&format!("/app/sign-in/{session}")).await.status, StatusCode::NOT_FOUND);
    browser.cookies.insert("terrane_session".to_owned(), world.token.clone());
    assert!(browser.get("/app").await.status.is_redirection());
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let world = World::new().await;
    let url = terrane_app::bootstrap::dev(&world.app, None).await.unwrap().sign_in_url;
    let path = url.strip_prefix("http://localhost").unwrap();
    let mut browser = world.browser();
    assert_eq!(browser.get(path).await.location(), "/app");
    assert_eq!(browser.get("/app").await.status, StatusCode::OK);
    assert_eq!(world.browser().get(path).await.status, StatusCode::NOT_FOUND);
    let secret = Secret::new(path.rsplit_once('/').unwrap().1);
    assert!(matches!(authenticate(&world.app, Some(secret)).await, Err(AppError::Unauthorized)));
}

#[tokio::test]
async fn what_goes_on_for_long_ends_with_the_session() {
    let world = World::new().await;
    let run = world.planned_run("app").await;
    let mut browser = world.signed_in().await;
    let path = format!("{run}/logs/plan");
    assert!(text(browser.open(&path).await).await.contains("event: end"), "the control sees nothing");
    let begun = browser.open(&path).await;
    browser.get("/app/settings/profile").await;
    browser.submit("/app/sign-out", &[]).await;
    assert_eq!(text(begun).await, "");
}
