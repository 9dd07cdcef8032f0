//! One run holds a workspace; the others wait, or go beside the queue.

use std::time::Duration;

use terrane_app::AppError;

use terrane_app::runs::{self, NewRun, RunAction};
use terrane_app::workspaces::{self, WorkspaceKey};
use terrane_domain::access::{Caller, CredentialKind, Principal};
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
async fn under_a_lock_by_people_the_run_that_waits_first_is_current() {
    each(async |world| {
        let key = WorkspaceKey::Id(world.workspace_id.clone());
        workspaces::lock(&world.app, &world.owner, key.clone(), "mine".to_owned()).await.unwrap();
        let first = world.queue(world.new_run()).await.run;
        let second = world.queue(world.new_run()).await.run;
        let view = world.read(&first.id).await;
        assert_eq!((view.run.status, view.workspace.current_run_id), (RunStatus::Pending, Some(first.id.clone())));
        world.act(&first.id, RunAction::Cancel).await.unwrap();
        assert_eq!(world.read(&second.id).await.workspace.current_run_id, Some(second.id.clone()));
        workspaces::unlock(&world.app, &world.owner, key).await.unwrap();
        assert_eq!(world.read(&second.id).await.run.status, RunStatus::PlanQueued);
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
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let again = world.act(&run.id, RunAction::Confirm).await;
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
        let all = futures_util::future::join_all((0..50).map(|_| world.act(&run.id, RunAction::Confirm))).await;
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
            let discard = Box::pin(world.act(&first.id, RunAction::Discard));
            let (ended, second) = tokio::join!(discard, world.queue(world.new_run()));
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

#[tokio::test]
async fn an_organizations_queue_comes_by_the_page_and_says_of_a_run_what_its_document_says() {
    each(async |world| {
        let (workspace_id, configuration) = world.add_workspace("other", false).await;
        let elsewhere = || NewRun {
            workspace_id: workspace_id.clone(),
            configuration_version_id: Some(configuration.clone()),
            ..world.new_run()
        };
        let mut ids = Vec::new();
        for new in [world.new_run(), elsewhere(), world.new_run(), elsewhere()] {
            ids.push(world.queue(new).await.run.id);
        }
        for begun in [0, 1] {
            let mut seen = Vec::new();
            for (limit, offset, length) in [(3, 0, 3), (3, 3, 1), (3, 6, 0)] {
                let (page, total) =
                    runs::organization_queue(&world.app, &world.owner, "demo", limit, offset).await.unwrap();
                assert_eq!((page.len(), total), (length, 4));
                seen.extend(page.into_iter().map(|view| (view.run.id, view.position_in_queue)));
            }
            let positions: Vec<_> = (0..4).map(|index| (index + 1 - begun).max(0)).collect();
            assert_eq!(seen, ids.iter().cloned().zip(positions).collect::<Vec<_>>());
            for (id, position) in seen {
                assert_eq!(world.read(&id).await.position_in_queue, position);
            }
            if begun == 0 {
                world.claim().await;
            }
        }

        let organization_id = world.read(&ids[0]).await.run.organization_id;
        let team_id = world.add_team(&organization_id).await;
        let principal = Principal::Team { team_id, organization_id };
        let team = Caller { kind: CredentialKind::Team, principal, token_id: None };
        let (page, total) = runs::organization_queue(&world.app, &team, "demo", 20, 0).await.unwrap();
        let seen: Vec<_> = page.into_iter().map(|view| view.run.id).collect();
        assert_eq!((seen, total), (vec![ids[0].clone(), ids[2].clone()], 2));
    })
    .await;
}

#[tokio::test]
async fn a_cancel_is_noted_when_it_is_asked_for() {
    each(async |world| {
        for is_at_work in [false, true] {
            let run = world.queue(world.new_run()).await.run;
            let job = if is_at_work { Some(world.claim().await) } else { None };
            world.act(&run.id, RunAction::Cancel).await.unwrap();
            let asked = world.read(&run.id).await.run;
            assert_eq!((asked.canceled_at.is_some(), asked.status.is_final()), (true, !is_at_work));
            world.pass(Duration::from_secs(1));
            if let Some(job) = job {
                world.act(&run.id, RunAction::Cancel).await.unwrap();
                world.end(&job, Outcome::Canceled, false).await.unwrap();
            }
            let ended = world.read(&run.id).await.run;
            assert_eq!((ended.status, ended.canceled_at), (RunStatus::Canceled, asked.canceled_at));
        }
    })
    .await;
}
