//! A workspace's lock, its name, its end.

use futures_util::future::join_all;
use terrane_domain::ids::{ProjectId, RunId, UserId};
use terrane_domain::projects::Project;
use terrane_domain::runner_protocol::Phase;
use terrane_domain::runs::{Run, RunPhase, RunStatus};
use terrane_domain::workspaces::LockHolder;
use terrane_store::{StoreError, errored_states, projects, runs, workspaces};

use crate::databases::each;
use crate::samples::{World, entropy, errored_state, keep, phase, workspace};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_locks_one_wins() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let second = bench.open().await.unwrap();
        for _ in 0..10 {
            let holders: Vec<&'static LockHolder> =
                (0..8).map(|_| keep(LockHolder::User(UserId::from_entropy(entropy())))).collect();
            let locks = holders.iter().enumerate().map(|(number, holder)| {
                let store = if number % 2 == 0 { bench.store.clone() } else { second.clone() };
                let holder = *holder;
                tokio::spawn(async move {
                    write!(store, tx => workspaces::lock(tx, &world.workspace.id, holder, "mine").await)
                })
            });
            let results: Vec<bool> = join_all(locks).await.into_iter().map(|result| result.unwrap().unwrap()).collect();
            assert_eq!(results.iter().filter(|won| **won).count(), 1);
            let winner = holders[results.iter().position(|won| *won).unwrap()];
            let found = read!(bench.store, tx => workspaces::by_id(tx, &world.workspace.id).await).unwrap().unwrap();
            assert_eq!((found.lock_holder.as_ref(), found.lock_reason.as_deref()), (Some(winner), Some("mine")));
            assert!(write!(bench.store, tx => workspaces::unlock(tx, &world.workspace.id, winner).await).unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn only_its_holder_gives_a_lock_back_or_on() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let id = &world.workspace.id;
        write!(bench.store, tx => {
            let run = RunId::from_entropy(entropy());
            let (own, other) = (LockHolder::Run(run.clone()), LockHolder::Recovery(run));
            assert!(!workspaces::unlock(tx, id, &own).await?);
            assert!(workspaces::lock(tx, id, &own, "").await?);
            assert!(!workspaces::lock(tx, id, &own, "").await?, "locked twice by one holder");
            assert!(!workspaces::unlock(tx, id, &other).await?);
            assert!(!workspaces::hand_over_lock(tx, id, &other, &own, "").await?);
            assert!(workspaces::hand_over_lock(tx, id, &own, &other, "lost").await?);
            assert!(!workspaces::unlock(tx, id, &own).await?);
            assert!(workspaces::unlock(tx, id, &other).await?);
            let found = workspaces::by_id(tx, id).await?.unwrap();
            assert_eq!((found.lock_holder, found.lock_reason), (None, None));
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_with_one_name_one_is_kept() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let second = bench.open().await.unwrap();
        for round in 0..5 {
            let attempts = (0..8).map(|number| {
                let store = if number % 2 == 0 { bench.store.clone() } else { second.clone() };
                let new = keep(workspace(&world.project, &format!("same-{round}")));
                // Projects' names are the same whatever their case.
                let name = if number % 4 < 2 { format!("SAME {round}") } else { format!("same {round}") };
                let id = ProjectId::from_entropy(entropy());
                let project = keep(Project { id, name, ..world.project.clone() });
                tokio::spawn(async move {
                    let workspace = write!(store, tx => workspaces::insert(tx, new).await);
                    (workspace, write!(store, tx => projects::insert(tx, project).await))
                })
            });
            let results: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
            let is_taken = |result: &Result<(), StoreError>| matches!(result, Err(StoreError::Taken));
            assert_eq!(results.iter().filter(|(workspace, _)| is_taken(workspace)).count(), 7);
            assert_eq!(results.iter().filter(|(_, project)| is_taken(project)).count(), 7);
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_workspace_takes_all_that_is_its_own() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let other = keep(workspace(&world.project, "other"));
        let runs: [&'static Run; 2] = [
            keep(world.run(RunStatus::Planning, 1)),
            keep(Run { workspace_id: other.id.clone(), ..world.run(RunStatus::Applied, 2) }),
        ];
        let gone = write!(bench.store, tx => {
            workspaces::insert(tx, other).await?;
            for run in runs {
                let name = |half: &str| format!("{half}-log-{}", run.workspace_id == other.id);
                let halves = [with_log(run, Phase::Plan, &name("plan")), with_log(run, Phase::Apply, &name("apply"))];
                // Both use the same archive.
                runs::insert(tx, run, [&halves[0], &halves[1]], &[], "archive").await?;
                errored_states::insert(tx, &errored_state(run, &name("left"))).await?;
            }
            workspaces::delete(tx, &world.workspace.id).await
        })
        .unwrap();
        assert_eq!(gone.open_runs, [runs[0].id.clone()]);
        let mut blobs = gone.blobs;
        blobs.sort_unstable();
        assert_eq!(blobs, ["apply-log-false", "left-log-false", "plan-log-false"]);
        read!(bench.store, tx => {
            assert_eq!(workspaces::by_id(tx, &world.workspace.id).await?, None);
            assert_eq!(runs::by_id(tx, &runs[0].id).await?, None);
            assert_eq!(errored_states::of_run(tx, &runs[0].id).await?, None);
            assert!(runs::by_id(tx, &runs[1].id).await?.is_some());
            Ok(())
        })
        .unwrap();
        let gone = write!(bench.store, tx => workspaces::delete(tx, &other.id).await).unwrap();
        assert!(gone.blobs.contains(&"archive".to_owned()), "{:?}", gone.blobs);
    })
    .await;
}

fn with_log(run: &Run, half: Phase, log_blob: &str) -> RunPhase {
    RunPhase { log_blob: Some(log_blob.to_owned()), ..phase(run, half) }
}
