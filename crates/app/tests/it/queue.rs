//! One run holds a workspace; the others wait, or go beside the queue.

use std::time::Duration;

use terrane_app::AppError;
use terrane_app::runs::{NewRun, RunAction};
use terrane_domain::runner_protocol::Outcome;
use terrane_domain::runs::{RunSource, RunStatus};
use terrane_domain::workspaces::LockHolder;

use crate::databases::each;

#[tokio::test]
async fn the_second_run_starts_when_the_first_has_ended() {
    each(async |world| {
        let first = world.queue(world.new_run()).await.run;
        let second = world.queue(world.new_run()).await.run;
        assert_eq!((first.status, second.status), (RunStatus::PlanQueued, RunStatus::Pending));
        assert_eq!(world.read(&first.id).await.workspace.lock_holder, Some(LockHolder::Run(first.id.clone())));
        world.finish(&world.claim().await, false).await.unwrap();
        assert_eq!(world.read(&first.id).await.run.status, RunStatus::PlannedAndFinished);
        let second = world.read(&second.id).await;
        assert_eq!(second.run.status, RunStatus::PlanQueued);
        assert_eq!(second.workspace.current_run_id, Some(second.run.id));
    })
    .await;
}

#[tokio::test]
async fn a_plan_only_run_goes_beside_the_queue_and_never_locks() {
    each(async |world| {
        world.queue(world.new_run()).await;
        let beside = world.queue(NewRun { plan_only: Some(true), ..world.new_run() }).await.run;
        assert_eq!(beside.status, RunStatus::PlanQueued);
        assert_ne!(world.read(&beside.id).await.workspace.current_run_id, Some(beside.id));
    })
    .await;
}

#[tokio::test]
async fn a_plan_with_changes_waits_and_a_confirmation_counts_once() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        assert!(world.read(&run.id).await.is_confirmable);
        world.act(&run.id, RunAction::Apply).await.unwrap();
        let again = world.act(&run.id, RunAction::Apply).await;
        assert!(matches!(again, Err(AppError::Conflict(text)) if text.contains("transition not allowed")));
        assert_eq!(world.read(&run.id).await.run.status, RunStatus::ApplyQueued);
    })
    .await;
}

#[tokio::test]
async fn of_many_confirmations_at_once_one_counts() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        let all = futures_util::future::join_all((0..50).map(|_| world.act(&run.id, RunAction::Apply))).await;
        assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_failed_apply_ends_its_run_whether_its_plan_was_seen_or_not() {
    each(async |world| {
        for pause in [0, 10] {
            let new = NewRun { auto_apply: Some(true), source: RunSource::TerraformCloud, ..world.new_run() };
            let run = world.queue(new).await.run;
            world.finish(&world.claim().await, true).await.unwrap();
            let job = world.claim().await;
            world.pass(Duration::from_secs(pause));
            for _ in 0..2 {
                world.end(&job, Outcome::Errored, false).await.unwrap();
            }
            assert_eq!(world.read(&run.id).await.run.status, RunStatus::Errored);
        }
    })
    .await;
}

#[tokio::test]
async fn auto_apply_needs_no_confirmation() {
    each(async |world| {
        let run = world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        assert_eq!(world.read(&run.id).await.run.status, RunStatus::ApplyQueued);
        world.finish(&world.claim().await, false).await.unwrap();
        assert_eq!(world.read(&run.id).await.run.status, RunStatus::Applied);
    })
    .await;
}

#[tokio::test]
async fn an_applied_run_makes_saved_plans_stale() {
    each(async |world| {
        let saved = world.queue(NewRun { save_plan: true, ..world.new_run() }).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        assert_eq!(world.read(&saved.id).await.run.status, RunStatus::PlannedAndSaved);
        world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await;
        world.finish(&world.claim().await, true).await.unwrap();
        world.finish(&world.claim().await, false).await.unwrap();
        assert_eq!(world.read(&saved.id).await.run.status, RunStatus::Discarded);
    })
    .await;
}

#[tokio::test]
async fn a_discarded_run_frees_the_workspace_and_the_queue_is_verified() {
    each(async |world| {
        let first = world.queue(world.new_run()).await.run;
        let second = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&first.id, RunAction::Discard).await.unwrap();
        assert_eq!(world.read(&second.id).await.run.status, RunStatus::PlanQueued);
        while world.app.store().seal_events().await.unwrap() > 0 {}
        let reports = world.app.store().verify_events().await.unwrap();
        assert!(reports.iter().all(|report| report.fault.is_none() && report.unsealed == 0), "{reports:?}");
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_queued_while_another_ends_does_not_wait_for_nothing() {
    each(async |world| {
        for _ in 0..20 {
            let first = world.queue(world.new_run()).await.run;
            world.finish(&world.claim().await, true).await.unwrap();
            let (ended, second) = tokio::join!(world.act(&first.id, RunAction::Discard), world.queue(world.new_run()));
            ended.unwrap();
            assert_eq!(world.read(&second.run.id).await.run.status, RunStatus::PlanQueued);
            world.act(&second.run.id, RunAction::Cancel).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_when_its_turn_comes_does_not_keep_the_workspace() {
    each(async |world| {
        for _ in 0..20 {
            let first = world.queue(world.new_run()).await.run;
            let second = world.queue(world.new_run()).await.run;
            let third = world.queue(world.new_run()).await.run;
            let cancel = |id| world.act(id, RunAction::Cancel);
            let (ended, canceled) = tokio::join!(cancel(&first.id), cancel(&second.id));
            ended.unwrap();
            if canceled.is_err() {
                // It had just started.
                cancel(&second.id).await.unwrap();
            }
            let next = world.read(&third.id).await;
            assert_eq!(next.run.status, RunStatus::PlanQueued);
            assert_eq!(next.workspace.lock_holder, Some(LockHolder::Run(third.id.clone())));
            cancel(&third.id).await.unwrap();
        }
    })
    .await;
}
