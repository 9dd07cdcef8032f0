//! The page of a team's tokens.

use axum::http::StatusCode;
use terrane_app::callers::{Secret, authenticate};
use terrane_domain::access::{CredentialKind, OrganizationPermission};

use crate::workspaces::{done, member};
use crate::world::World;

#[tokio::test]
async fn a_token_of_a_team_is_shown_once_works_and_is_deleted() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let team = format!("/app/demo/settings/teams/{}", world.team("platform").await);
    let here = format!("{team}/tokens");
    assert!(browser.get(&team).await.body.contains(&format!("href=\"{here}\"")));
    assert!(browser.get(&here).await.body.contains("No token yet."));
    for (fields, text) in [
        ([("description", " "), ("lifetime", "30")], "Say what the token is for"),
        ([("description", "builds"), ("lifetime", "7")], "Choose from the list how long the token lives."),
    ] {
        let answer = browser.submit(&here, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(&format!("role=\"alert\">{text}")), "{}", answer.body);
    }
    let answer = browser.submit(&here, &[("description", "builds"), ("lifetime", "30")]).await;
    let (_, rest) = answer.body.split_once("id=\"new-token\"").unwrap();
    let secret = rest.split_once("value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let caller = authenticate(&world.app, Some(Secret::new(&secret))).await.unwrap();
    assert_eq!(caller.kind, CredentialKind::Team);
    let page = browser.get(&here).await.body;
    assert!(page.contains("builds") && page.contains(">in 29 days</time>") && !page.contains(&secret), "{page}");
    let again = browser.submit(&here, &[("description", "builds"), ("lifetime", "30")]).await;
    assert!(again.body.contains("Description has already been taken"), "{}", again.body);
    let form = page.split("action=\"").find(|rest| rest.contains("/delete\"")).unwrap().split('"').next().unwrap();
    let other = form.replace(&team, &format!("/app/demo/settings/teams/{}", world.team("other").await));
    assert_eq!(browser.submit(&other, &[]).await.status, StatusCode::NOT_FOUND);
    assert!(done(&mut browser, form, &[]).await.contains("No token yet."));
    assert!(authenticate(&world.app, Some(Secret::new(&secret))).await.is_err());
}

#[tokio::test]
async fn who_may_not_manage_a_teams_tokens_finds_no_page_of_them() {
    let world = World::new().await;
    let team = world.team("visible").await;
    let token = world.team_token(&team, "builds").await;
    let team = format!("/app/demo/settings/teams/{team}");
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    let page = browser.get(&team).await;
    assert!(page.status == StatusCode::OK && !page.body.contains("/tokens"), "{}", page.body);
    assert_eq!(browser.get(&format!("{team}/tokens")).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    for path in [format!("{team}/tokens"), format!("{team}/tokens/{token}/delete")] {
        let answer = browser.submit(&path, &[("description", "mine"), ("lifetime", "30")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}
