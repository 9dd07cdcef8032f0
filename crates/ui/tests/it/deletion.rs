//! The page that deletes a workspace.

use axum::http::StatusCode;
use terrane_app::organizations;
use terrane_domain::access::{OrganizationPermission, WorkspaceAccessLevel};
use terrane_domain::organizations::OrganizationChange;

use crate::workspaces::{level, member, member_at, with_workspaces};
use crate::world::{World, named};

const APP: &str = "/app/demo/workspaces/app";
const HERE: &str = "/app/demo/workspaces/app/settings/delete";

#[tokio::test]
async fn a_workspace_is_deleted_only_when_its_name_was_typed() {
    let (_world, mut browser) = with_workspaces(&["app"]).await;
    assert!(browser.get(&format!("{APP}/settings")).await.body.contains(&format!("href=\"{HERE}\"")));
    browser.get(HERE).await;
    for (fields, fault) in [
        ([("way", "safe"), ("typed-name", "ap")], "id=\"typed-name-fault\" role=\"alert\">Type app, the name"),
        ([("way", ""), ("typed-name", "app")], "id=\"way-fault\" role=\"alert\">Choose from the list"),
    ] {
        let answer = browser.submit(HERE, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(fault), "{}", answer.body);
    }
    let answer = browser.submit(HERE, &[("way", "safe"), ("typed-name", "app")]).await;
    assert_eq!(answer.location(), "/app/demo/workspaces");
    assert_eq!(browser.get(APP).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_goes_with_a_workspace_in_use_is_said_and_only_force_ends_it() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.states_in("app").await;
    let page = browser.get(HERE).await.body;
    for text in [
        "States: 2",
        "Runs with their logs and plans: 0",
        "Variables: 0",
        "It manages 2 resources. All that goes on existing",
        "/new-run?operation=destroy\">start a destroy run</a>",
        "It is locked",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let answer = browser.submit(HERE, &[("way", "safe"), ("typed-name", "app")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("cannot be safely deleted because it is locked"), "{}", answer.body);
    let answer = browser.submit(HERE, &[("way", "force"), ("typed-name", "app")]).await;
    assert_eq!(answer.location(), "/app/demo/workspaces");
}

#[tokio::test]
async fn an_administrator_forces_only_with_the_consent_of_the_organization() {
    let world = World::new().await;
    let mut browser = member_at(&world, "app", level(WorkspaceAccessLevel::Admin)).await;
    world.states_in("app").await;
    for is_allowed in [false, true] {
        let change =
            OrganizationChange { allow_force_delete_workspaces: Some(is_allowed), ..OrganizationChange::default() };
        organizations::update(&world.app, &world.owner().await, "demo", change).await.unwrap();
        let page = browser.get(HERE).await.body;
        assert_eq!(page.contains("value=\"force\""), is_allowed, "{page}");
        assert_eq!(page.contains("Only an owner may force-delete"), !is_allowed, "{page}");
        let answer = browser.submit(HERE, &[("way", "force"), ("typed-name", "app")]).await;
        assert_eq!(answer.status.is_redirection(), is_allowed, "{}", answer.body);
        assert_eq!(answer.body.contains("only an owner may delete it"), !is_allowed, "{}", answer.body);
    }
    let gone = terrane_app::workspaces::read(&world.app, &world.owner().await, named("app")).await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn who_may_not_delete_a_workspace_finds_no_page_for_it() {
    let (world, _) = with_workspaces(&["app"]).await;
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    let settings = browser.get(&format!("{APP}/settings")).await.body;
    assert!(!settings.contains("Delete this workspace"), "{settings}");
    assert_eq!(browser.get(HERE).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    let answer = browser.submit(HERE, &[("way", "force"), ("typed-name", "app")]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
