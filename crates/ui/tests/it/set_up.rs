//! The first start.

use std::time::Duration;

use axum::http::StatusCode;
use terrane_app::set_up;

use crate::world::World;

const FIELDS: [(&str, &str); 4] =
    [("username", "ada"), ("email", "ada@example.com"), ("password", "correct horse"), ("organization", "analytical")];

async fn link(world: &World) -> String {
    let url = set_up::create_link(&world.app).await.unwrap().unwrap();
    url.strip_prefix("http://localhost").unwrap().to_owned()
}

#[tokio::test]
async fn the_link_makes_the_first_account_and_organization_once() {
    let world = World::empty("http://localhost").await;
    let link = link(&world).await;
    let (mut browser, mut other) = (world.browser(), world.browser());
    assert_eq!(browser.get(&link).await.status, StatusCode::OK);
    other.get(&link).await;
    for (name, value) in [("password", "short"), ("email", "nobody"), ("organization", "a b"), ("username", "")] {
        let fields = FIELDS.map(|(field, usual)| (field, if field == name { value } else { usual }));
        let answer = browser.submit(&link, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {}", answer.body);
        assert!(!answer.body.contains("correct horse"));
    }
    assert_eq!(browser.submit(&link, &FIELDS).await.location(), "/app");
    assert!(browser.get("/app").await.body.contains("analytical"));
    assert!(world.browser().sign_in("ada", "correct horse").await.status.is_redirection());
    assert_eq!(other.submit(&link, &FIELDS).await.status, StatusCode::NOT_FOUND);
    assert_eq!(other.get(&link).await.status, StatusCode::NOT_FOUND);
    assert!(set_up::create_link(&world.app).await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_ends_after_half_an_hour_and_with_the_next_one() {
    let world = World::empty("http://localhost").await;
    let first = link(&world).await;
    let second = link(&world).await;
    let mut browser = world.browser();
    assert_eq!(browser.get(&first).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get(&second).await.status, StatusCode::OK);
    world.pass(Duration::from_mins(30));
    assert_eq!(browser.get(&second).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_two_who_use_the_link_at_once_one_gets_the_site() {
    let world = World::empty("http://localhost").await;
    let link = link(&world).await;
    let (mut one, mut two) = (world.browser(), world.browser());
    one.get(&link).await;
    two.get(&link).await;
    let (one, two) = tokio::join!(one.submit(&link, &FIELDS), two.submit(&link, &FIELDS));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
}
