//! What people do to runs, and what is told of it.

use std::time::Duration;

use terrane_app::runs::{NewRun, RunAction};
use terrane_app::{AppError, comments, run_events, runs};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction as Entry;
use terrane_domain::runner_protocol::{Outcome, StopRequest};
use terrane_domain::runs::{FORCE_CANCEL_COOL_OFF, PhaseStatus, RunStatus};

use crate::databases::each;
use crate::world::World;

fn conflict(answer: Result<(), AppError>) -> String {
    match answer {
        Err(AppError::Conflict(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// A run whose apply a runner does, and that was asked to end.
async fn cancelled_apply(world: &World) -> (terrane_domain::ids::RunId, terrane_domain::runner_protocol::Job) {
    let run = world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await.run;
    world.finish(&world.claim().await, true).await.unwrap();
    let job = world.claim().await;
    world.act(&run.id, RunAction::Cancel).await.unwrap();
    (run.id, job)
}

#[tokio::test]
async fn a_run_is_ended_by_force_only_after_it_had_time_to_end_in_order() {
    each(async |world| {
        let run = world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        let job = world.claim().await;
        assert!(conflict(world.act(&run.id, RunAction::ForceCancel).await).contains("cancel the run first"));
        world.act(&run.id, RunAction::Cancel).await.unwrap();
        let view = world.read(&run.id).await;
        assert!(!view.is_force_cancelable);
        assert!(view.force_cancel_available_at.unwrap() > world.app.store().now());
        assert!(conflict(world.act(&run.id, RunAction::ForceCancel).await).contains("has time for it until"));
        world.pass(FORCE_CANCEL_COOL_OFF);
        assert!(world.read(&run.id).await.is_force_cancelable);
        world.act(&run.id, RunAction::ForceCancel).await.unwrap();
        assert_eq!(world.stop_of(&job).await, StopRequest::Kill);
        world.end(&job, Outcome::Canceled, false).await.unwrap();
        let view = world.read(&run.id).await;
        assert_eq!((view.run.status, view.run.reason), (RunStatus::Canceled, Some(ReasonCode::ForceCanceled)));
        assert!(view.run.status_timestamps["force-canceled-at"].is_string());
        assert_eq!(view.workspace.lock_holder, None);
    })
    .await;
}

#[tokio::test]
async fn a_run_ends_by_force_even_if_its_runner_never_says_so() {
    each(async |world| {
        let (id, job) = cancelled_apply(world).await;
        world.pass(FORCE_CANCEL_COOL_OFF);
        world.act(&id, RunAction::ForceCancel).await.unwrap();
        // It renews its lease, and does nothing else.
        world.stop_of(&job).await;
        world.pass(Duration::from_secs(11));
        assert_eq!(terrane_app::jobs::sweep_lost(&world.app).await.unwrap(), 1);
        let view = world.read(&id).await;
        assert_eq!((view.run.status, view.apply.status), (RunStatus::Canceled, PhaseStatus::Canceled));
        assert_eq!(view.workspace.lock_holder, None);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_executed_by_force_takes_the_place_of_all_before_it() {
    each(async |world| {
        let first = world.queue(world.new_run()).await.run;
        let mut before = vec![first.id];
        // More than are taken from the store at once.
        for _ in 0..101 {
            before.push(world.queue(world.new_run()).await.run.id);
        }
        let third = world.queue(world.new_run()).await.run;
        let answer = world.act(&third.id, RunAction::ForceExecute).await;
        assert!(conflict(answer).contains("is plan_queued and cannot be discarded"));
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&third.id, RunAction::ForceExecute).await.unwrap();
        for id in &before {
            let run = world.read(id).await.run;
            assert_eq!((run.status, run.reason), (RunStatus::Discarded, Some(ReasonCode::ForceExecuted)));
        }
        assert_eq!(world.read(&third.id).await.run.status, RunStatus::PlanQueued);
        let again = world.act(&third.id, RunAction::ForceExecute).await;
        assert!(matches!(again, Err(AppError::Forbidden(text)) if text.contains("only a pending run")));
    })
    .await;
}

#[tokio::test]
async fn a_run_behind_a_persons_lock_is_not_executed_by_force() {
    each(async |world| {
        let key = terrane_app::workspaces::WorkspaceKey::Id(world.workspace_id.clone());
        terrane_app::workspaces::lock(&world.app, &world.owner, key, "mine".to_owned()).await.unwrap();
        let run = world.queue(world.new_run()).await.run;
        let answer = world.act(&run.id, RunAction::ForceExecute).await;
        assert!(matches!(answer, Err(AppError::Forbidden(text)) if text.contains("not locked by another run")));
    })
    .await;
}

#[tokio::test]
async fn what_is_said_with_an_action_stands_in_the_history_and_goes_with_a_refusal() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        let say =
            |action, text: &str| runs::act(&world.app, &world.owner, run.id.clone(), action, Some(text.to_owned()));
        say(RunAction::Confirm, "go").await.unwrap();
        say(RunAction::Confirm, "again").await.unwrap_err();
        comments::create(&world.app, &world.owner, run.id.clone(), "well".to_owned()).await.unwrap();
        let history =
            run_events::list(&world.app, &world.owner, run.id.clone(), run_events::Wanted::default()).await.unwrap();
        let entries: Vec<_> = history.events.iter().map(|event| event.action).collect();
        assert_eq!(entries, [Entry::Created, Entry::Confirmed, Entry::Commented]);
        let said = comments::list(&world.app, &world.owner, run.id.clone()).await.unwrap();
        let said: Vec<_> = said.iter().map(|view| (&*view.comment.body, view.run_event_id.as_ref().unwrap())).collect();
        assert_eq!(said, [("go", &history.events[1].id), ("well", &history.events[2].id)]);
        assert_eq!(world.read(&run.id).await.comment_ids.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_run_takes_a_thousand_comments_and_is_confirmed_all_the_same() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        let say = || comments::create(&world.app, &world.owner, run.id.clone(), "well".to_owned());
        say().await.unwrap();
        let copies = "INSERT INTO comments (id, organization_id, run_id, body, created_at)
            WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 998)
            SELECT id || n, organization_id, run_id, body, created_at FROM comments, number";
        assert_eq!(world.execute(copies).await, 998);
        say().await.unwrap();
        assert!(matches!(say().await, Err(AppError::Invalid { detail, .. }) if detail.contains("1000 comments")));
        runs::act(&world.app, &world.owner, run.id.clone(), RunAction::Confirm, Some("go".to_owned())).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_empty_plan_is_applied_without_asking_if_that_was_allowed() {
    each(async |world| {
        for (allow_empty_apply, expected) in [(true, RunStatus::ApplyQueued), (false, RunStatus::PlannedAndFinished)] {
            let run = world.queue(NewRun { allow_empty_apply, ..world.new_run() }).await.run;
            world.finish(&world.claim().await, false).await.unwrap();
            assert_eq!(world.read(&run.id).await.run.status, expected);
            if allow_empty_apply {
                world.finish(&world.claim().await, false).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_version_of_terraform_is_chosen_only_for_a_plan() {
    each(async |world| {
        let version = |text: &str| Some(text.to_owned());
        for (plan_only, terraform_version, is_taken) in [
            (Some(true), version("1.0.0"), true),
            (Some(true), version("latest"), true),
            (Some(true), version("newest"), false),
            (None, version("1.0.0"), false),
        ] {
            let new = NewRun { plan_only, terraform_version: terraform_version.clone(), ..world.new_run() };
            let made = runs::create(&world.app, &world.owner, new).await;
            assert_eq!(made.is_ok(), is_taken, "{plan_only:?} {terraform_version:?}");
            if let Ok(view) = made {
                assert_eq!(Some(view.run.terraform_version), terraform_version);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_saved_plan_whose_state_changed_while_it_was_made_is_discarded() {
    each(async |world| {
        let saved = world.queue(NewRun { save_plan: true, ..world.new_run() }).await.run;
        let plan = world.claim().await;
        world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await;
        world.finish(&world.claim().await, true).await.unwrap();
        let apply = world.claim().await;
        world.put_state(&apply, 1).await.unwrap();
        world.finish(&apply, false).await.unwrap();
        world.finish(&plan, true).await.unwrap();
        let saved = world.read(&saved.id).await.run;
        assert_eq!((saved.status, saved.reason), (RunStatus::Discarded, Some(ReasonCode::Superseded)));
    })
    .await;
}

#[tokio::test]
async fn a_saved_plan_waits_for_four_weeks() {
    each(async |world| {
        let saved = world.queue(NewRun { save_plan: true, ..world.new_run() }).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.pass(Duration::from_hours(27 * 24));
        runs::expire_saved_plans(&world.app).await.unwrap();
        assert!(world.read(&saved.id).await.is_confirmable);
        world.pass(Duration::from_hours(24));
        runs::expire_saved_plans(&world.app).await.unwrap();
        let saved = world.read(&saved.id).await.run;
        assert_eq!((saved.status, saved.reason), (RunStatus::Discarded, Some(ReasonCode::PlanExpired)));
    })
    .await;
}
