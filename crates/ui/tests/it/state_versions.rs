//! The pages of a workspace's states.

use axum::http::StatusCode;
use terrane_app::team_access::WorkspaceSettings as AccessSettings;
use terrane_domain::access::{StateVersionsAccess as StateAccess, WorkspaceAccessLevel};
use terrane_domain::team_access::WorkspaceChange;

use crate::workspaces::{done, member_at};
use crate::world::World;

const HERE: &str = "/app/demo/workspaces/app/states";

#[tokio::test]
async fn states_are_listed_with_what_is_in_them() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.workspace("app").await;
    assert!(browser.get(HERE).await.body.contains("No state yet"));
    let first = world.states_in("app").await;
    let page = browser.get(HERE).await.body;
    let text = format!("<a href=\"{HERE}/{first}\">Serial 1</a>");
    assert!(page.contains(&text) && page.contains("1–2 of 2"), "{page}");
    assert!(page.contains("Serial 2</a><span class=\"badge good\">current</span>"), "{page}");
    assert!(page.contains("by admin") && page.contains("2 resources, "), "{page}");
}

#[tokio::test]
async fn a_state_shows_its_outputs_and_sensitive_ones_only_when_asked() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let state = format!("{HERE}/{}", world.states_in("app").await);
    let page = browser.get(&state).await.body;
    for text in ["eu-central-1", "module.web.terraform_data.shop", "2 instances", "Show the sensitive values"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("hunter1"), "{page}");
    assert!(browser.get(&format!("{state}?sensitive=shown")).await.body.contains("hunter1"));
    let address = browser.get(&format!("{state}/download")).await;
    assert!(address.location().starts_with("http://localhost/blobs/state-download/sv-"), "{}", address.location());
    let elsewhere = state.replace("/workspaces/app/", "/workspaces/other/");
    world.workspace("other").await;
    assert_eq!(browser.get(&elsewhere).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_state_is_rolled_back_to_by_who_holds_the_lock() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let first = format!("{HERE}/{}", world.states_in("app").await);
    world.unlock("app").await;
    let page = browser.get(&first).await.body;
    assert!(page.contains("must be locked by you first") && !page.contains("Roll back to serial 1"), "{page}");
    let answer = browser.submit(&format!("{first}/rollback"), &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("role=\"alert\">The workspace must be locked by you"), "{}", answer.body);
    let lock = [("next", first.as_str()), ("reason", "rollback")];
    let page = done(&mut browser, "/app/demo/workspaces/app/lock", &lock).await;
    assert!(page.contains("<button class=\"danger\">Roll back to serial 1</button>"), "{page}");
    let page = done(&mut browser, &format!("{first}/rollback"), &[]).await;
    assert!(
        page.contains("State with serial 3") && page.contains("Rolled back: this copy is the current state"),
        "{page}"
    );
    assert!(page.contains(&format!("rolled back to <a href=\"{first}\">")) && page.contains("unlock it"), "{page}");
    assert!(page.contains("This is the current state."), "{page}");
}

#[tokio::test]
async fn a_lock_leads_back_to_no_page_of_others() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.workspace("app").await;
    browser.get("/app/demo/workspaces/app").await;
    let answer = browser.submit("/app/demo/workspaces/app/lock", &[("next", "//evil.example")]).await;
    assert_eq!(answer.location(), "/app/demo/workspaces/app");
}

#[tokio::test]
async fn the_right_to_states_decides_what_is_there() {
    for (access, list, state, is_sensitive_shown) in [
        (StateAccess::None, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND, false),
        (StateAccess::ReadOutputs, StatusCode::OK, StatusCode::NOT_FOUND, false),
        (StateAccess::Read, StatusCode::OK, StatusCode::OK, true),
        (StateAccess::Write, StatusCode::OK, StatusCode::OK, true),
    ] {
        let world = World::new().await;
        let first = format!("{HERE}/{}", world.states_in("app").await);
        let rights = WorkspaceChange { state_versions: Some(access), ..WorkspaceChange::default() };
        let settings = AccessSettings { access: Some(WorkspaceAccessLevel::Custom), rights };
        let mut browser = member_at(&world, "app", settings).await;
        let workspace = browser.get("/app/demo/workspaces/app").await.body;
        assert_eq!(workspace.contains("/states\""), list == StatusCode::OK, "{access}: {workspace}");
        let page = browser.get(&format!("{HERE}?sensitive=shown")).await;
        assert_eq!(page.status, list, "{access}");
        assert!(!page.body.contains("hunter"), "{access}: {}", page.body);
        if access == StateAccess::ReadOutputs {
            assert!(
                page.body.contains("eu-central-1") && page.body.contains("you need the right to read"),
                "{}",
                page.body
            );
        }
        let page = browser.get(&format!("{first}?sensitive=shown")).await;
        assert_eq!((page.status, page.body.contains("hunter1")), (state, is_sensitive_shown), "{access}");
        assert_eq!(page.body.contains("Roll back to this state"), access == StateAccess::Write, "{access}");
        assert_eq!(
            browser.get(&format!("{first}/download")).await.status.is_redirection(),
            is_sensitive_shown,
            "{access}"
        );
        browser.get("/app/settings/profile").await;
        let answer = browser.submit(&format!("{first}/rollback"), &[]).await;
        assert_eq!(answer.status == StatusCode::NOT_FOUND, access != StateAccess::Write, "{access}");
    }
}
