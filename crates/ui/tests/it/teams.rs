//! The pages of teams and of what they may do.

use axum::http::StatusCode;
use terrane_app::team_access;
use terrane_app::teams;
use terrane_app::workspaces::{self, WorkspaceKey};
use terrane_domain::access::{OrganizationPermission, RunsAccess, WorkspaceAccessLevel, WorkspacePermissions};

use crate::browser::Browser;
use crate::workspaces::{done, member, with_workspaces};
use crate::world::World;

const HERE: &str = "/app/demo/settings/teams";

/// Makes a team by the form; answers the address of its page.
async fn made(browser: &mut Browser, name: &str) -> String {
    browser.get(HERE).await;
    let answer = browser.submit(HERE, &[("name", name), ("visibility", "organization")]).await;
    answer.location().to_owned()
}

async fn access_of(world: &World, team: &str) -> String {
    let id = team.rsplit('/').next().unwrap().parse().unwrap();
    teams::read(&world.app, &world.owner().await, id, false).await.unwrap().team.organization_access.to_string()
}

#[tokio::test]
async fn a_team_is_made_renamed_hidden_and_deleted() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let team = made(&mut browser, "platform").await;
    browser.get(HERE).await;
    for (name, text) in
        [("", "Name can't be blank"), ("a/b", "Name may only contain"), ("platform", "already been taken")]
    {
        let answer = browser.submit(HERE, &[("name", name), ("visibility", "secret")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(answer.body.contains("id=\"name-fault\"") && answer.body.contains(text), "{name}: {}", answer.body);
    }
    browser.get(&team).await;
    let page = done(&mut browser, &team, &[("name", "network"), ("visibility", "secret")]).await;
    assert!(page.contains("<h1>network</h1>") && page.contains("value=\"secret\" selected"), "{page}");
    let answer = browser.submit(&team, &[("name", "owners"), ("visibility", "secret")]).await;
    assert!(answer.body.contains("id=\"name-fault\"") && answer.body.contains("value=\"owners\""), "{}", answer.body);
    assert!(!done(&mut browser, &format!("{team}/delete"), &[]).await.contains("network"));
    assert_eq!(browser.get(&team).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn rights_in_the_organization_are_given_and_taken_box_by_box() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let team = made(&mut browser, "platform").await;
    let form = format!("{team}/organization-access");
    let page = browser.get(&team).await.body;
    for right in OrganizationPermission::ALL {
        assert!(page.contains(&format!("name=\"{right}\" type=\"checkbox\"")), "{right}");
    }
    let answer = browser.submit(&form, &[("manage-projects", "true"), ("manage-teams", "true")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (text, kept) = (
        "manage-projects requires manage-workspaces",
        "name=\"manage-teams\" type=\"checkbox\" value=\"true\" checked",
    );
    assert!(answer.body.contains(text) && answer.body.contains(kept), "{}", answer.body);
    assert_eq!(access_of(&world, &team).await, "");
    done(&mut browser, &form, &[("manage-projects", "true"), ("manage-workspaces", "true")]).await;
    assert_eq!(access_of(&world, &team).await, "manage-workspaces manage-projects");
    let page = done(&mut browser, &form, &[("read-workspaces", "true")]).await;
    assert!(page.contains("In the whole organization: read workspaces."), "{page}");
    assert_eq!(access_of(&world, &team).await, "read-workspaces");
}

#[tokio::test]
async fn people_are_put_into_a_team_and_taken_out() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let team = made(&mut browser, "platform").await;
    let form = format!("{team}/members");
    world.invite(&world.owner().await, "demo", "eve@example.com").await;
    browser.get(&team).await;
    for (person, text) in [
        ("", "Name the person"),
        ("nobody", "nobody is no member of the organization; invite this person first"),
        ("nobody@example.com", "nobody@example.com is no member of the organization; invite this person first"),
    ] {
        let answer = browser.submit(&form, &[("person", person)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{person}");
        assert!(answer.body.contains(&format!("id=\"person-fault\" role=\"alert\">{text}")), "{}", answer.body);
    }
    done(&mut browser, &form, &[("person", "admin")]).await;
    let page = done(&mut browser, &form, &[("person", "eve@example.com")]).await;
    assert!(page.contains("Take admin out of") && page.contains("Take eve@example.com out of"), "{page}");
    // Who leaves a team goes back to the list of them.
    let own = page.split("/members/").nth(1).unwrap().split('/').next().unwrap();
    assert_eq!(browser.submit(&format!("{form}/{own}/delete"), &[]).await.location(), HERE);
    assert!(!browser.get(&team).await.body.contains("Take admin out of"));
}

#[tokio::test]
async fn owners_cannot_be_changed_and_the_last_one_stays() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let list = browser.get(HERE).await.body;
    let team = list.split(&format!("{HERE}/")).nth(1).unwrap().split('"').next().unwrap();
    let team = format!("{HERE}/{team}");
    let page = browser.get(&team).await.body;
    for text in ["The owners team keeps its name", "<button disabled>Save rights</button>", "Owners may do everything"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Delete this team"));
    let own = page.split("/members/").nth(1).unwrap().split('/').next().unwrap();
    let answer = browser.submit(&format!("{team}/members/{own}/delete"), &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("The owners team must keep at least one member; put another one in first"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn who_manages_no_team_sees_why_and_no_secret_one() {
    let world = World::new().await;
    let team = format!("{HERE}/{}", world.team("visible").await);
    let mut owner = world.signed_in().await;
    let secret = made(&mut owner, "secret").await;
    owner.get(&secret).await;
    done(&mut owner, &secret, &[("name", "secret"), ("visibility", "secret")]).await;
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    let list = browser.get(HERE).await.body;
    assert!(list.contains(&team) && !list.contains(&secret), "{list}");
    assert!(list.contains("<button disabled>Create team</button><span class=\"quiet\">You need the right"), "{list}");
    let page = browser.get(&team).await.body;
    assert!(!page.contains("<button>") && !page.contains("<button class=\"primary\""), "{page}");
    for button in ["Save", "Save rights", "Add to the team"] {
        let text = format!("<button disabled>{button}</button><span class=\"quiet\">You need the right to");
        assert!(page.contains(&text), "{button}: {page}");
    }
    assert_eq!(browser.get(&secret).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    for (form, fields) in
        [("", ("name", "mine")), ("/organization-access", ("manage-teams", "true")), ("/delete", ("", ""))]
    {
        let answer = browser.submit(&format!("{team}{form}"), &[fields]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{form}");
    }
}

#[tokio::test]
async fn a_team_gets_every_level_of_access_to_a_workspace_and_loses_it() {
    let (world, mut browser) = with_workspaces(&["app", "other"]).await;
    let team = world.team("platform").await;
    let here = "/app/demo/workspaces/app/team-access";
    let page = browser.get(here).await.body;
    assert!(page.contains("No team that you may see has access by itself"), "{page}");
    let answer = browser.submit(here, &[("access", "read")]).await;
    assert!(answer.body.contains("id=\"new-team-fault\" role=\"alert\">Choose a team"), "{}", answer.body);
    let custom = [("team", team.as_str()), ("access", "custom"), ("runs", "apply"), ("locking", "true")];
    let page = done(&mut browser, here, &custom).await;
    assert!(page.contains("Runs: apply, Lock and unlock"), "{page}");
    let again = browser.submit(here, &custom).await;
    assert!(again.body.contains("already has access to this workspace"), "{}", again.body);

    let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: "app".to_owned() };
    let owner = world.owner().await;
    let id = workspaces::read(&world.app, &owner, key).await.unwrap().workspace.id;
    let access = team_access::list_for_workspace(&world.app, &owner, id.clone(), None).await.unwrap().remove(0);
    let expected = WorkspacePermissions { runs: RunsAccess::Apply, locking: true, ..WorkspacePermissions::CUSTOM };
    assert_eq!(access.custom, Some(expected));
    let form = format!("{here}/{}", access.id);
    let answer = browser.submit(&form, &[("access", "moon")]).await;
    assert!(answer.body.contains("Choose the access from the list"), "{}", answer.body);
    for level in WorkspaceAccessLevel::ALL {
        // The rights that a browser sends beside a level are for `custom` alone.
        done(&mut browser, &form, &[("access", level.as_str()), ("runs", "plan")]).await;
        let access = team_access::read_for_workspace(&world.app, &owner, access.id.clone()).await.unwrap();
        assert_eq!(access.access, *level);
    }
    let elsewhere = form.replace("/app/team-access", "/other/team-access");
    assert_eq!(browser.submit(&elsewhere, &[("access", "admin")]).await.status, StatusCode::NOT_FOUND);
    assert!(done(&mut browser, &format!("{form}/delete"), &[]).await.contains("No team that you may see"));
}

#[tokio::test]
async fn access_to_a_project_shows_its_workspaces_to_the_team() {
    let (world, mut browser) = with_workspaces(&["app"]).await;
    let mut ada = member(&world, Some(OrganizationPermission::ManageVcsSettings)).await;
    let team = browser.get(HERE).await.body;
    let team = team.split("readers</a>").next().unwrap().rsplit("/teams/").next().unwrap().split('"').next().unwrap();
    assert_eq!(ada.get("/app/demo/workspaces/app").await.status, StatusCode::NOT_FOUND);
    let here = format!("/app/demo/projects/{}/team-access", world.default_project().await);
    assert!(browser.get("/app/demo/projects").await.body.contains(&here));
    browser.get(&here).await;
    let page = done(&mut browser, &here, &[("team", team), ("access", "custom"), ("create", "true")]).await;
    assert!(page.contains("readers") && page.contains("Make workspaces"), "{page}");
    assert_eq!(ada.get("/app/demo/workspaces/app").await.status, StatusCode::OK);
    assert_eq!(ada.get(&here).await.status, StatusCode::NOT_FOUND);
    assert!(ada.get("/app/demo/new-workspace").await.body.contains("<button>Create workspace</button>"));
}
