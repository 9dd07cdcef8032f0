//! The page of a run, and how one is begun from a page.

use axum::http::StatusCode;
use terrane_app::runs::{self, RunAction, RunView};
use terrane_app::workspaces::{self, WorkspaceSettings};
use terrane_domain::access::WorkspaceAccessLevel;
use terrane_domain::execution::ExecutionChange;
use terrane_domain::runs::{PlanOptions, RunOperation, RunStatus, RunVariable};

use crate::workspaces::{done, level, member_at};
use crate::world::{World, named, path_of};

async fn read(world: &World, page: &str) -> RunView {
    let id = page.rsplit('/').next().unwrap().parse().unwrap();
    runs::read(&world.app, &world.owner().await, id).await.unwrap()
}

/// The labels of the buttons with which a run is acted upon.
fn acts(page: &str) -> Vec<&'static str> {
    let labels = ["Confirm and apply", "Discard", "Cancel run", "Force-cancel", "Force-execute", "Comment"];
    labels.into_iter().filter(|label| page.contains(&format!(">{label}</button>"))).collect()
}

#[tokio::test]
async fn the_page_tells_how_the_run_was_asked_for_and_no_value_of_a_variable() {
    let world = World::new().await;
    world.workspace("app").await;
    world.configure("app").await;
    let run = world.queued_run("app", |new| {
        new.message = Some("<b>careful</b>".to_owned());
        new.save_plan = true;
        new.options = PlanOptions {
            refresh: false,
            target_addrs: vec!["module.network".to_owned()],
            replace_addrs: vec!["aws_instance.web[0]".to_owned()],
            ..PlanOptions::default()
        };
        new.variables = vec![RunVariable { key: "password".to_owned(), value: "\"hunter2\"".to_owned() }];
    });
    let run = run.await;
    let mut browser = world.signed_in().await;
    let page = browser.get(&path_of(&run)).await.body;
    for text in [
        "<h1>&lt;b&gt;careful&lt;/b&gt;</h1>",
        "Saved plan: kept beside the queue",
        "Kept once it is made",
        "<dt>Targets</dt><dd><ul class=\"plain\"><li><code>module.network</code>",
        "<code>aws_instance.web[0]</code>",
        "<dt>Variables of this run</dt><dd><ul class=\"plain\"><li><code>password</code>",
        "Off: the state is taken as it is",
        "admin, through the API",
        "<dt>Terraform version</dt><dd>latest</dd>",
        run.run.configuration_version_id.as_str(),
        "Waits for a runner that is free to plan it. Number 1 in the queue of demo.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("hunter2"));
    world.plan(&run.run.id).await;
    let page = browser.get(&path_of(&run)).await.body;
    let (expiry, counts) = ("Discarded <time datetime=", "+2 to add");
    assert!(page.contains(expiry) && page.contains(">in 27 days</time>") && page.contains(counts), "{page}");
}

#[tokio::test]
async fn what_a_run_waits_for_is_said_and_linked() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let waiting = world.waiting_run("app").await;
    let holder = workspaces::read(&world.app, &world.owner().await, named("app")).await.unwrap();
    let holder = holder.workspace.current_run_id.unwrap();
    let page = browser.get(&waiting).await.body;
    let text = format!(
        "Queued behind <a href=\"/app/demo/workspaces/app/runs/{holder}\">{holder}</a>, which is planned and waits for a decision."
    );
    assert!(page.contains(&text), "{page}");

    world.workspace("locked").await;
    world.configure("locked").await;
    let (app, owner) = (&world.app, world.owner().await);
    workspaces::lock(app, &owner, named("locked"), "<maintenance>".to_owned()).await.unwrap();
    let pending = world.queued_run("locked", |_| {}).await;
    let page = browser.get(&path_of(&pending)).await.body;
    let text = "Waits: the workspace is locked by admin (“&lt;maintenance&gt;”). It goes on once <a href=\"/app/demo/workspaces/locked\">";
    assert!(page.contains(text), "{page}");

    world.unlock("locked").await;
    world.plan(&pending.run.id).await;
    let saved = world.queued_run("locked", |new| new.save_plan = true).await;
    world.plan(&saved.run.id).await;
    let page = browser.get(&path_of(&saved)).await.body;
    assert!(page.contains("cannot be confirmed yet: the workspace is held by <a"), "{page}");
    assert!(!acts(&page).contains(&"Confirm and apply"), "{page}");
}

#[tokio::test]
async fn a_button_is_there_exactly_when_it_can_be_pressed() {
    let world = World::new().await;
    let mut owner = world.signed_in().await;
    let planned = world.planned_run("planned").await;
    let waiting = world.waiting_run("waiting").await;
    let stuck = world.stuck_run("stuck").await;
    let discarded = world.planned_run("discarded").await;
    let id = read(&world, &discarded).await.run.id;
    runs::act(&world.app, &world.owner().await, id, RunAction::Discard, None).await.unwrap();
    for (run, expected) in [
        (&planned, &["Confirm and apply", "Discard", "Comment"][..]),
        (&waiting, &["Discard", "Cancel run", "Force-execute", "Comment"]),
        (&stuck, &["Force-cancel", "Comment"]),
        (&discarded, &["Comment"]),
    ] {
        assert_eq!(acts(&owner.get(run).await.body), expected, "{run}");
    }
}

#[tokio::test]
async fn nobody_sees_a_form_of_a_run_that_would_be_refused() {
    for (access, expected) in [
        (WorkspaceAccessLevel::Read, &[][..]),
        (WorkspaceAccessLevel::Plan, &["Comment"]),
        (WorkspaceAccessLevel::Write, &["Discard", "Cancel run", "Force-execute", "Comment"]),
    ] {
        let world = World::new().await;
        let waiting = world.waiting_run("app").await;
        let mut browser = member_at(&world, "app", level(access)).await;
        let page = browser.get(&waiting).await.body;
        assert_eq!(acts(&page), expected, "{access}");
        assert_eq!(page.contains("<form"), !expected.is_empty(), "{access}: {page}");
        browser.get("/app/settings/profile").await;
        let may_act = access == WorkspaceAccessLevel::Write;
        for act in ["comments", "cancel"] {
            let answer = browser.submit(&format!("{waiting}/{act}"), &[("body", "no")]).await;
            let is_allowed = may_act || act == "comments" && access == WorkspaceAccessLevel::Plan;
            assert_eq!(answer.status == StatusCode::NOT_FOUND, !is_allowed, "{access} {act}");
        }
    }
}

#[tokio::test]
async fn what_is_done_to_a_run_and_said_with_it_stands_in_its_history() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let run = world.planned_run("app").await;
    browser.get(&run).await;
    let page = done(&mut browser, &format!("{run}/comments"), &[("body", "looks <good>\r\nto me")]).await;
    assert!(
        page.contains("<strong>admin</strong> said<p class=\"value said\">looks &lt;good&gt;\nto me</p>"),
        "{page}"
    );
    let answer = browser.submit(&format!("{run}/comments"), &[("body", " ")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("id=\"body-fault\" role=\"alert\">Body can't be blank"), "{}", answer.body);
    let page = done(&mut browser, &format!("{run}/discard"), &[("comment", "not today")]).await;
    assert!(page.contains("discarded the run<p class=\"value said\">not today</p>"), "{page}");
    assert!(page.contains("<strong>admin</strong> queued the run"), "{page}");
    let [queued, planned, discarded] = ["queued the run", "<span class=\"quiet\">planned</span>", "discarded the run"]
        .map(|text| page.find(text).unwrap());
    assert!(queued < planned && planned < discarded, "{page}");
    let part = browser.get(&format!("{run}/history")).await.body;
    assert!(part.starts_with("<ol") && page.contains(&part), "{part}");
}

#[tokio::test]
async fn a_run_that_was_asked_to_stop_can_be_ended_by_force_after_a_minute() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.workspace("app").await;
    world.configure("app").await;
    let run = path_of(&world.queued_run("app", |_| {}).await);
    world.claimed().await;
    browser.get(&run).await;
    let page = done(&mut browser, &format!("{run}/cancel"), &[]).await;
    assert!(page.contains("it can be ended by force in 60 seconds.") && page.contains("data-again=\"60\""), "{page}");
    assert_eq!(acts(&page), ["Comment"]);
    assert_eq!(browser.submit(&format!("{run}/force-cancel"), &[]).await.status, StatusCode::CONFLICT);
    world.pass(std::time::Duration::from_mins(1));
    assert_eq!(acts(&browser.get(&run).await.body), ["Force-cancel", "Comment"]);
    assert_eq!(browser.submit(&format!("{run}/force-cancel"), &[]).await.location(), run);
}

#[tokio::test]
async fn a_run_goes_first_when_what_is_before_it_is_discarded() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let run = world.waiting_run("app").await;
    let page = browser.get(&run).await.body;
    assert!(page.contains("is discarded, and every run that waits before this one. Then this run begins."), "{page}");
    browser.submit(&format!("{run}/force-execute"), &[]).await;
    assert_eq!(read(&world, &run).await.run.status, RunStatus::PlanQueued);
}

#[tokio::test]
async fn a_run_is_begun_from_a_page_as_the_form_says() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.workspace("app").await;
    let here = "/app/demo/workspaces/app/new-run";
    assert!(browser.get("/app/demo/workspaces/app").await.body.contains(&format!("href=\"{here}\">New run</a>")));
    let page = browser.get(here).await.body;
    assert!(page.contains("There is no configuration to run yet."), "{page}");
    let answer = browser.submit(here, &[("operation", "plan-only"), ("message", "try")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("The workspace has no configuration yet") && answer.body.contains("value=\"try\""));
    world.configure("app").await;
    assert!(!browser.get(here).await.body.contains("There is no configuration"));
    for (operation, expected) in [
        ("plan-only", RunOperation::PlanOnly),
        ("plan-and-apply", RunOperation::PlanAndApply),
        ("refresh-only", RunOperation::RefreshOnly),
        ("destroy", RunOperation::Destroy),
    ] {
        let fields = [("operation", operation), ("message", "by hand"), ("target-addrs", "a.b\r\n\r\n c.d ")];
        let run = browser.submit(here, &fields).await.location().to_owned();
        let run = read(&world, &run).await.run;
        assert_eq!((run.operation, run.message.as_str()), (expected, "by hand"));
        assert_eq!(run.options.target_addrs, ["a.b", "c.d"]);
        assert!(run.created_by.is_some() && run.source == terrane_domain::runs::RunSource::Ui);
    }
    let fields = [("operation", "plan-and-apply"), ("allow-empty-apply", "true"), ("replace-addrs", "a.b")];
    let run = browser.submit(here, &fields).await.location().to_owned();
    let run = read(&world, &run).await.run;
    assert!(run.allow_empty_apply && run.options.replace_addrs == ["a.b"]);
    let answer = browser.submit(here, &[("operation", "explode")]).await;
    assert!(answer.body.contains("id=\"operation-fault\" role=\"alert\">Choose from the list"), "{}", answer.body);
}

#[tokio::test]
async fn what_a_workspace_does_not_allow_is_said_at_the_field() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    world.workspace("app").await;
    world.configure("app").await;
    let owner = world.owner().await;
    let settings = WorkspaceSettings { allow_destroy_plan: Some(false), ..WorkspaceSettings::default() };
    workspaces::update(&world.app, &owner, named("app"), settings).await.unwrap();
    let here = "/app/demo/workspaces/app/new-run";
    let page = browser.get(&format!("{here}?operation=destroy")).await.body;
    assert!(page.contains("value=\"destroy\" selected"), "{page}");
    let answer = browser.submit(here, &[("operation", "destroy")]).await;
    let text = "id=\"operation-fault\" role=\"alert\">The workspace does not allow destroy plans";
    assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.body.contains(text), "{}", answer.body);
    let execution = ExecutionChange { mode: Some("local".to_owned()), ..ExecutionChange::default() };
    let settings = WorkspaceSettings { execution, ..WorkspaceSettings::default() };
    workspaces::update(&world.app, &owner, named("app"), settings).await.unwrap();
    let page = browser.get("/app/demo/workspaces/app").await.body;
    assert!(page.contains("<button disabled>New run</button><span class=\"quiet\">This workspace runs"), "{page}");
}

#[tokio::test]
async fn who_may_queue_no_run_finds_no_page_for_it() {
    let world = World::new().await;
    world.workspace("app").await;
    let mut browser = member_at(&world, "app", level(WorkspaceAccessLevel::Read)).await;
    let page = browser.get("/app/demo/workspaces/app").await.body;
    assert!(page.contains("<button disabled>New run</button><span class=\"quiet\">You need the right"), "{page}");
    let here = "/app/demo/workspaces/app/new-run";
    assert_eq!(browser.get(here).await.status, StatusCode::NOT_FOUND);
    browser.get("/app/settings/profile").await;
    assert_eq!(browser.submit(here, &[("operation", "plan-only")]).await.status, StatusCode::NOT_FOUND);
}
