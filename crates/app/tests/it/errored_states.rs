//! What an apply left that did not become a state of its workspace.

use std::time::Duration;

use futures_util::future::join_all;
use terrane_app::runs::RunAction;
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{AppError, errored_states, jobs, signed_urls, state_versions, streams, workspaces};
use terrane_domain::errored_states::Resolution;
use terrane_domain::ids::{RunId, RunnerId};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{Job, LostJob, Outcome, RefusalCode};
use terrane_domain::runs::{Run, RunStatus};
use terrane_domain::state_versions::StateVersion;
use terrane_domain::workspaces::LockHolder;

use crate::databases::each;
use crate::lost_runners::refusal;
use crate::world::{World, state, walk};

/// An apply that a runner has begun, and its job.
async fn begun(world: &World) -> (Run, Job) {
    let run = world.queue(world.new_run()).await.run;
    world.finish(&world.claim().await, true).await.unwrap();
    world.act(&run.id, RunAction::Confirm).await.unwrap();
    let job = world.claim().await;
    jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
    (run, job)
}

/// One whose runner was lost after a snapshot with the serial 1.
async fn lost(world: &World) -> (Run, Job) {
    let (run, job) = begun(world).await;
    world.put_state(&job, 1).await.unwrap();
    world.pass(Duration::from_secs(31));
    assert_eq!(jobs::sweep_lost(&world.app).await.unwrap(), 1);
    (run, job)
}

async fn recover(world: &World, job: &Job) -> Result<LostJob, AppError> {
    errored_states::recover(&world.app, &world.runner, job.id.clone(), RunnerId::from_entropy(2)).await
}

async fn put(world: &World, job: &Job, fence: i64, bytes: Vec<u8>) -> Result<(), AppError> {
    errored_states::put(&world.app, &world.runner, job.id.clone(), fence, streams::body(bytes)).await
}

/// One whose state with this serial was handed over by the runner's next life.
async fn left(world: &World, serial: i64) -> Run {
    let (run, job) = lost(world).await;
    let fence = recover(world, &job).await.unwrap().fence;
    put(world, &job, fence, state(serial)).await.unwrap();
    run
}

async fn adopt(world: &World, id: &RunId) -> Result<(), AppError> {
    errored_states::adopt(&world.app, &world.owner, id.clone(), None).await
}

async fn discard(world: &World, id: &RunId) -> Result<(), AppError> {
    errored_states::discard(&world.app, &world.owner, id.clone(), Some("start over".to_owned())).await
}

fn key(world: &World) -> WorkspaceKey {
    WorkspaceKey::Id(world.workspace_id.clone())
}

async fn current(world: &World) -> StateVersion {
    state_versions::current(&world.app, &world.owner, key(world)).await.unwrap().version
}

async fn lock_of(world: &World, run: &Run) -> Option<LockHolder> {
    world.read(&run.id).await.workspace.lock_holder
}

/// What a refusal says.
fn conflict(result: Result<impl Sized, AppError>) -> String {
    match result {
        Err(AppError::Conflict(text)) => text,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
async fn the_state_of_a_lost_apply_is_kept_and_nothing_else_happens() {
    each(async |world| {
        let (run, job) = lost(world).await;
        let fence = recover(world, &job).await.unwrap().fence;
        for _ in 0..2 {
            put(world, &job, fence, state(2)).await.unwrap();
        }
        assert_eq!(refusal(put(world, &job, fence, state(3)).await), RefusalCode::StateConflict);
        let evidence = errored_states::read(&world.app, &world.owner, run.id.clone()).await.unwrap().unwrap();
        let kept = evidence.state.unwrap();
        assert_eq!((kept.serial, kept.resolution), (Some(2), None));
        assert_eq!((evidence.current.unwrap().serial, evidence.is_locked), (1, true));
        assert_eq!(lock_of(world, &run).await, Some(LockHolder::Recovery(run.id.clone())));
        assert_eq!(world.read(&run.id).await.run.status, RunStatus::Errored);
        let waiting = world.queue(world.new_run()).await.run;
        assert_eq!(waiting.status, RunStatus::Pending);
    })
    .await;
}

#[tokio::test]
async fn only_the_newest_life_of_a_runner_hands_a_state_over() {
    each(async |world| {
        let (_, job) = lost(world).await;
        let first = recover(world, &job).await.unwrap();
        assert_eq!(first.spool_key, job.spool_key);
        let second = recover(world, &job).await.unwrap();
        for stale in [job.fence, first.fence, second.fence + 1] {
            assert_eq!(refusal(put(world, &job, stale, state(2)).await), RefusalCode::LeaseLost);
        }
        put(world, &job, second.fence, state(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nothing_is_taken_of_an_apply_that_went_well_or_never_began() {
    each(async |world| {
        let (_, job) = begun(world).await;
        assert_eq!(refusal(recover(world, &job).await), RefusalCode::LeaseLost);
        world.put_state(&job, 1).await.unwrap();
        world.finish(&job, false).await.unwrap();
        assert_eq!(refusal(recover(world, &job).await), RefusalCode::LeaseLost);
        assert_eq!(refusal(put(world, &job, job.fence, state(2)).await), RefusalCode::LeaseLost);

        world.queue(world.new_run()).await;
        let plan = world.claim().await;
        assert_eq!(refusal(put(world, &plan, plan.fence, state(2)).await), RefusalCode::LeaseLost);
        world.end(&plan, Outcome::Errored, false).await.unwrap();
        assert_eq!(refusal(recover(world, &plan).await), RefusalCode::LeaseLost);
    })
    .await;
}

#[tokio::test]
async fn what_the_workspace_has_already_is_not_kept_a_second_time() {
    each(async |world| {
        let (run, job) = lost(world).await;
        let fence = recover(world, &job).await.unwrap().fence;
        let files = walk(&world.blob_folder());
        for serial in [0, 1] {
            put(world, &job, fence, state(serial)).await.unwrap();
        }
        let evidence = errored_states::read(&world.app, &world.owner, run.id).await.unwrap().unwrap();
        assert!(evidence.state.is_none());
        assert_eq!(walk(&world.blob_folder()), files);
    })
    .await;
}

#[tokio::test]
async fn an_adopted_state_is_the_workspaces_newest_and_the_queue_goes_on() {
    each(async |world| {
        let run = left(world, 2).await;
        let waiting = world.queue(world.new_run()).await.run;
        adopt(world, &run.id).await.unwrap();
        let newest = current(world).await;
        assert_eq!((newest.serial, newest.run_id.as_ref()), (2, Some(&run.id)));
        assert_eq!(newest.created_by.as_ref(), world.owner.user_id());
        assert_eq!(world.read(&waiting.id).await.run.status, RunStatus::PlanQueued);
        for again in [adopt(world, &run.id).await, discard(world, &run.id).await] {
            assert!(conflict(again).contains("was adopted already"));
        }
        let history =
            terrane_app::run_events::list(&world.app, &world.owner, run.id, terrane_app::run_events::Wanted::default());
        let last = history.await.unwrap().events.pop().unwrap();
        assert_eq!((last.action, last.actor_id.as_ref()), (RunEventAction::StateAdopted, world.owner.user_id()));
        assert!(world.app.store().verify_events().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_discarded_state_changes_nothing_and_can_still_be_fetched() {
    each(async |world| {
        let run = left(world, 2).await;
        discard(world, &run.id).await.unwrap();
        assert_eq!((current(world).await.serial, lock_of(world, &run).await), (1, None));
        for again in [adopt(world, &run.id).await, discard(world, &run.id).await] {
            assert!(conflict(again).contains("was discarded already"));
        }
        let grant = signed_urls::Grant {
            purpose: signed_urls::Purpose::ErroredState,
            resource: run.id.to_string(),
            subject: "nobody".to_owned(),
        };
        let mut reader = errored_states::download(&world.app, &grant).await.unwrap();
        assert_eq!(reader.next().await.unwrap().as_deref(), Some(&state(2)[..]));
    })
    .await;
}

#[tokio::test]
async fn who_does_not_wait_for_the_runner_goes_on_with_the_last_good_state() {
    each(async |world| {
        let (run, job) = lost(world).await;
        assert!(conflict(adopt(world, &run.id).await).contains("has handed over no state"));
        discard(world, &run.id).await.unwrap();
        assert_eq!(lock_of(world, &run).await, None);
        assert!(conflict(discard(world, &run.id).await).contains("there is no state"));

        // It is kept if it comes after all, and locks nothing.
        let fence = recover(world, &job).await.unwrap().fence;
        put(world, &job, fence, state(2)).await.unwrap();
        assert_eq!(lock_of(world, &run).await, None);
        adopt(world, &run.id).await.unwrap();
        assert_eq!(current(world).await.serial, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_decide_one_does() {
    each(async |world| {
        let run = left(world, 2).await;
        let decisions = (0..8).map(|number| {
            let (app, owner, id) = (world.app.clone(), world.owner.clone(), run.id.clone());
            tokio::spawn(async move {
                if number % 2 == 0 {
                    errored_states::adopt(&app, &owner, id, None).await.map(|()| Resolution::Adopted)
                } else {
                    errored_states::discard(&app, &owner, id, None).await.map(|()| Resolution::Discarded)
                }
            })
        });
        let (mut stood, mut refused) = (Vec::new(), 0);
        for decision in join_all(decisions).await {
            match decision.unwrap() {
                Ok(resolution) => stood.push(resolution),
                other => refused += usize::from(conflict(other).contains("there is nothing more to decide")),
            }
        }
        assert_eq!((stood.len(), refused), (1, 7));
        let serial = if stood[0] == Resolution::Adopted { 2 } else { 1 };
        assert_eq!(current(world).await.serial, serial);
    })
    .await;
}

#[tokio::test]
async fn an_apply_whose_state_is_refused_is_no_success_and_locks_the_workspace() {
    each(async |world| {
        let (run, job) = begun(world).await;
        world.put_state(&job, 5).await.unwrap();
        let other =
            String::from_utf8(state(6)).unwrap().replace("lineage\":\"lineage", "lineage\":\"other").into_bytes();
        let sent = jobs::put_state(&world.app, &world.runner, job.id.clone(), job.fence, streams::body(other.clone()));
        assert_eq!(refusal(sent.await), RefusalCode::StateConflict);
        put(world, &job, job.fence, other).await.unwrap();
        world.finish(&job, false).await.unwrap();
        let ended = world.read(&run.id).await;
        assert_eq!((ended.run.status, ended.run.reason), (RunStatus::Errored, Some(ReasonCode::StateRefused)));
        assert_eq!(ended.workspace.lock_holder, Some(LockHolder::Recovery(run.id.clone())));
        let why = conflict(adopt(world, &run.id).await);
        assert!(why.contains("lineage \"other\"") && why.contains("terraform state push -force"), "{why}");
        assert_eq!(lock_of(world, &run).await, Some(LockHolder::Recovery(run.id.clone())));
        discard(world, &run.id).await.unwrap();
        assert_eq!((current(world).await.serial, lock_of(world, &run).await), (5, None));
    })
    .await;
}

#[tokio::test]
async fn after_a_force_unlock_a_state_is_adopted_only_while_nobody_is_at_work() {
    each(async |world| {
        let run = left(world, 2).await;
        workspaces::force_unlock(&world.app, &world.owner, key(world)).await.unwrap();
        let other = world.queue(world.new_run()).await.run;
        assert!(conflict(adopt(world, &run.id).await).contains(&format!("locked by Run {}", other.id)));
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&other.id, RunAction::Discard).await.unwrap();
        adopt(world, &run.id).await.unwrap();
        assert_eq!(current(world).await.serial, 2);
    })
    .await;
}

#[tokio::test]
async fn a_state_that_something_newer_has_overtaken_is_not_adopted() {
    each(async |world| {
        let run = left(world, 2).await;
        workspaces::force_unlock(&world.app, &world.owner, key(world)).await.unwrap();
        let (_, job) = begun(world).await;
        world.put_state(&job, 3).await.unwrap();
        world.finish(&job, false).await.unwrap();
        assert!(conflict(adopt(world, &run.id).await).contains("the workspace's state already has 3"));
        assert_eq!(current(world).await.serial, 3);
    })
    .await;
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_kept_but_not_adopted() {
    each(async |world| {
        let (run, job) = lost(world).await;
        let fence = recover(world, &job).await.unwrap().fence;
        put(world, &job, fence, b"{\"version\":4".to_vec()).await.unwrap();
        assert!(conflict(adopt(world, &run.id).await).starts_with("the state cannot be read"));
        discard(world, &run.id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_wants_the_lock_is_told_the_way_out() {
    each(async |world| {
        let run = left(world, 2).await;
        let wanted = [
            format!("http://localhost/app/demo/workspaces/app/runs/{}", run.id),
            "terraform force-unlock demo/app".to_owned(),
        ];
        let lock = workspaces::lock(&world.app, &world.owner, key(world), String::new()).await.err();
        let unlock = workspaces::unlock(&world.app, &world.owner, key(world)).await.err();
        for refused in [lock, unlock] {
            let Some(AppError::Invalid { detail, .. }) = refused else { panic!("not refused as it should be") };
            assert!(wanted.iter().all(|part| detail.contains(part)), "{detail}");
        }
    })
    .await;
}
