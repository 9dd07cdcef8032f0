//! The part of a run's page about what its apply left.

use axum::http::StatusCode;

use crate::world::World;

#[tokio::test]
async fn the_page_of_a_lost_apply_shows_the_evidence_and_takes_one_decision() {
    let world = World::new().await;
    let run = world.lost_run("lost").await;
    let mut browser = world.signed_in().await;
    let page = browser.get(&run).await;
    for part in [
        "What the apply left",
        "stays locked until someone has decided",
        "serial 2, ",
        "href=\"#log-apply\"",
        "id=\"log-apply\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let form = format!("{run}/adopt-state");
    assert!(page.body.contains(&format!("action=\"{form}\"")), "{}", page.body);
    assert_eq!(browser.submit(&form, &[]).await.status, StatusCode::SEE_OTHER);
    let page = browser.get(&run).await;
    assert!(page.body.contains("stored ") && page.body.contains(", adopted "), "{}", page.body);
    assert!(!page.body.contains("/adopt-state") && !page.body.contains("/discard-state"));
    let again = browser.submit(&form, &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("was adopted already"), "{}", again.body);
}
