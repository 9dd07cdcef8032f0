//! The page that makes a project.

use axum::http::StatusCode;
use terrane_domain::access::OrganizationPermission;

use crate::workspaces::{done, member};
use crate::world::World;

const HERE: &str = "/app/demo/new-project";

#[tokio::test]
async fn a_project_is_made_or_the_page_says_beside_the_field_what_is_wrong() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    assert!(browser.get("/app/demo/projects").await.body.contains(&format!("href=\"{HERE}\">New project</a>")));
    browser.get(HERE).await;
    for (name, text) in [("", "Name "), ("a/b", "Name "), ("Default Project", "Name has already been taken")] {
        let answer = browser.submit(HERE, &[("name", name), ("description", "all <nets>")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let fault = format!("id=\"name-fault\" role=\"alert\">{text}");
        assert!(answer.body.contains(&fault) && answer.body.contains("all &lt;nets&gt;"), "{name}: {}", answer.body);
    }
    let page = done(&mut browser, HERE, &[("name", "network"), ("description", "all <nets>")]).await;
    assert!(page.contains("/workspaces?project=network\">network</a>") && page.contains("all &lt;nets&gt;"), "{page}");
}

#[tokio::test]
async fn who_may_make_no_project_is_told_so_and_finds_no_page_for_it() {
    let world = World::new().await;
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    let page = browser.get("/app/demo/projects").await.body;
    assert!(page.contains("<button disabled>New project</button><span class=\"quiet\">You need the right"), "{page}");
    assert_eq!(browser.get(HERE).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    assert_eq!(browser.submit(HERE, &[("name", "mine")]).await.status, StatusCode::NOT_FOUND);
}
