//! Accepting invitations.

use std::time::Duration;

use axum::http::StatusCode;

use crate::world::World;

#[tokio::test]
async fn a_newcomer_makes_an_account_once_and_is_in() {
    let world = World::new().await;
    let link = world.invite(&world.owner().await, "demo", "ada@example.com").await;
    let mut browser = world.browser();
    let page = browser.get(&link).await;
    assert!(page.body.contains("Join demo") && page.body.contains("ada@example.com"), "{}", page.body);
    for (username, password, what) in [
        ("admin", "correct horse", "already been taken"),
        ("a b", "correct horse", "may only contain"),
        ("ada", "short", "too short"),
    ] {
        let answer = browser.submit(&link, &[("username", username), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(what), "{what}: {}", answer.body);
    }
    assert_eq!(browser.submit(&link, &[("username", "ada"), ("password", "correct horse")]).await.location(), "/app");
    assert!(browser.get("/app").await.body.contains("demo"));
    assert!(world.browser().sign_in("ada", "correct horse").await.status.is_redirection());
    let mut late = world.browser();
    assert_eq!(late.get(&link).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    let again = browser.submit(&link, &[("username", "eve"), ("password", "correct horse")]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_has_an_account_signs_in_and_joins_with_it() {
    let world = World::new().await;
    let link = world.invitation_elsewhere().await;
    let mut browser = world.browser();
    browser.get(&link).await;
    let door = format!("/app/sign-in?next={}", link.replace('/', "%2F"));
    assert!(browser.get(&link).await.body.contains(&door));
    browser.get(&door).await;
    let fields = [("username", "admin"), ("password", world.password.as_str()), ("next", link.as_str())];
    assert_eq!(browser.submit("/app/sign-in", &fields).await.location(), link);
    assert!(browser.get(&link).await.body.contains("Join elsewhere as admin?"));
    assert_eq!(browser.submit(&format!("{link}/join"), &[]).await.location(), "/app");
    assert!(browser.get("/app").await.body.contains("elsewhere"));
    assert_eq!(browser.submit(&format!("{link}/join"), &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_invitation_ends_after_a_week_and_joins_nobody_twice() {
    let world = World::new().await;
    let link = world.invite(&world.owner().await, "demo", "ada@example.com").await;
    let mut browser = world.signed_in().await;
    browser.get(&link).await;
    assert_eq!(browser.submit(&format!("{link}/join"), &[]).await.status, StatusCode::CONFLICT);
    world.pass(Duration::from_hours(7 * 24));
    assert_eq!(world.browser().get(&link).await.status, StatusCode::NOT_FOUND);
}
