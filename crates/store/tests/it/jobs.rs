//! Jobs: claims, leases and fencing numbers.

use futures_util::future::join_all;
use terrane_domain::ids::RunnerId;
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::runner_protocol::{Phase, StopRequest};
use terrane_domain::runs::RunStatus;
use terrane_store::{Store, StoreError, jobs};

use crate::databases::{Bench, each};
use crate::samples::{World, entropy, job, keep, moment};

fn runner() -> &'static RunnerId {
    keep(RunnerId::from_entropy(entropy()))
}

async fn new_job(bench: &Bench, phase: Phase) -> &'static JobRecord {
    let world = World::new(&bench.store).await;
    let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::PlanQueued, 0)).await;
    let job = keep(job(run, phase, 0));
    write!(bench.store, tx => jobs::insert(tx, job).await).unwrap();
    job
}

/// Looks for a job and claims it, as a runner's call does.
async fn claim(store: &Store, runner: &'static RunnerId) -> Option<JobRecord> {
    write!(store, tx => {
        let Some(job) = jobs::next_for(tx, runner).await? else { return Ok(None) };
        if !jobs::claim(tx, &job.id, runner, moment(30)).await? {
            return Ok(None);
        }
        jobs::by_id(tx, &job.id).await
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claims_one_wins() {
    each(async |bench| {
        let second = bench.open().await.unwrap();
        for _ in 0..10 {
            let job = new_job(bench, Phase::Plan).await;
            let claims = (0..8).map(|number| {
                let store = if number % 2 == 0 { bench.store.clone() } else { second.clone() };
                tokio::spawn(async move { claim(&store, runner()).await })
            });
            let won: Vec<_> = join_all(claims).await.into_iter().filter_map(Result::unwrap).collect();
            assert_eq!(won.len(), 1);
            assert_eq!((&won[0].id, won[0].fence, won[0].attempts), (&job.id, 1, 1));
            assert_eq!((won[0].status, won[0].lease_until), (JobStatus::Claimed, Some(moment(30))));
        }
    })
    .await;
}

#[tokio::test]
async fn a_stale_fence_is_refused() {
    each(async |bench| {
        let job = new_job(bench, Phase::Apply).await;
        let fence = claim(&bench.store, runner()).await.unwrap().fence;
        write!(bench.store, tx => {
            assert!(jobs::reattach(tx, &job.id, runner(), moment(60)).await?);
            for stale in [fence, fence - 1, fence + 2] {
                assert!(!jobs::renew(tx, &job.id, stale, moment(90)).await?);
                assert!(!jobs::admit(tx, &job.id, stale).await?);
                assert!(!jobs::finish(tx, &job.id, stale).await?);
                assert!(!jobs::requeue(tx, &job.id, stale).await?);
            }
            let found = jobs::by_id(tx, &job.id).await?.unwrap();
            assert_eq!((found.fence, found.lease_until), (fence + 1, Some(moment(60))));
            assert_eq!((found.status, found.admitted_at), (JobStatus::Claimed, None));
            assert!(jobs::renew(tx, &job.id, fence + 1, moment(90)).await?);
            assert!(jobs::finish(tx, &job.id, fence + 1).await?);
            assert!(!jobs::finish(tx, &job.id, fence + 1).await?);
            assert!(!jobs::renew(tx, &job.id, fence + 1, moment(99)).await?);
            assert!(!jobs::reattach(tx, &job.id, runner(), moment(99)).await?);
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_a_job_that_is_over_is_recovered_and_each_time_under_a_new_fence() {
    each(async |bench| {
        let job = new_job(bench, Phase::Apply).await;
        let fence = claim(&bench.store, runner()).await.unwrap().fence;
        write!(bench.store, tx => {
            assert!(!jobs::recover(tx, &job.id, runner(), fence).await?, "recovered while its runner holds it");
            assert!(jobs::lose(tx, &job.id, fence).await?);
            assert!(!jobs::recover(tx, &job.id, runner(), fence).await?, "recovered under a stale fence");
            assert!(jobs::recover(tx, &job.id, runner(), fence + 1).await?);
            let found = jobs::by_id(tx, &job.id).await?.unwrap();
            assert_eq!((found.fence, found.status, found.lease_until), (fence + 2, JobStatus::Done, None));
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_apply_is_admitted_once_in_its_life() {
    each(async |bench| {
        let job = new_job(bench, Phase::Apply).await;
        write!(bench.store, tx => {
            assert!(!jobs::admit(tx, &job.id, 0).await?, "admitted before its claim");
            assert!(jobs::claim(tx, &job.id, runner(), moment(30)).await?);
            assert!(jobs::admit(tx, &job.id, 1).await?);
            Ok(())
        })
        .unwrap();
        bench.clock.set(moment(5).as_micros());
        write!(bench.store, tx => {
            assert!(jobs::admit(tx, &job.id, 1).await?, "refused though its answer may have been lost");
            let found = jobs::by_id(tx, &job.id).await?.unwrap();
            assert_ne!(found.admitted_at, Some(tx.now()), "the repetition moved the moment of admission");
            assert!(found.admitted_at.is_some());
            assert!(!jobs::admit(tx, &job.id, 2).await?);
            assert!(jobs::reattach(tx, &job.id, runner(), moment(60)).await?);
            assert!(!jobs::admit(tx, &job.id, 2).await?, "admitted again after a re-attachment");
            assert!(jobs::requeue(tx, &job.id, 2).await?);
            assert!(jobs::claim(tx, &job.id, runner(), moment(90)).await?);
            assert!(!jobs::admit(tx, &job.id, 4).await?, "admitted again after a second claim");
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_run_has_one_job_for_each_phase() {
    each(async |bench| {
        let first = new_job(bench, Phase::Apply).await;
        let second = keep(JobRecord { id: terrane_domain::ids::JobId::from_entropy(entropy()), ..first.clone() });
        let result = write!(bench.store, tx => jobs::insert(tx, second).await);
        assert!(matches!(result, Err(StoreError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn a_preferred_runner_is_waited_for_until_its_time_is_over() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::ApplyQueued, 0)).await;
        let (preferred, other) = (runner(), runner());
        let job = keep(JobRecord {
            preferred_runner_id: Some(preferred.clone()),
            preferred_until: Some(moment(10)),
            ..job(run, Phase::Apply, 0)
        });
        write!(bench.store, tx => jobs::insert(tx, job).await).unwrap();
        let next = async |runner: &'static RunnerId, seconds| {
            bench.clock.set(moment(seconds).as_micros());
            read!(bench.store, tx => jobs::next_for(tx, runner).await).unwrap().is_some()
        };
        assert!(next(preferred, 1).await);
        assert!(!next(other, 1).await);
        assert!(next(other, 11).await);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_job_comes_first_and_a_lost_one_is_found() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let mut stored = Vec::new();
        for seconds in [5, 3, 4] {
            let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::PlanQueued, seconds)).await;
            let job = keep(job(run, Phase::Plan, seconds));
            write!(bench.store, tx => jobs::insert(tx, job).await).unwrap();
            stored.push(job);
        }
        for expected in [stored[1], stored[2]] {
            assert_eq!(claim(&bench.store, runner()).await.unwrap().id, expected.id);
        }
        let (lost, held, queued) = (stored[1], stored[2], stored[0]);
        write!(bench.store, tx => {
            assert!(jobs::renew(tx, &held.id, 1, moment(60)).await?);
            let found = jobs::lost(tx, moment(31)).await?;
            assert_eq!(found.iter().map(|job| &job.id).collect::<Vec<_>>(), [&lost.id]);
            jobs::renew_overdue(tx, moment(35), moment(70)).await?;
            assert!(jobs::lost(tx, moment(60)).await?.is_empty());
            // What was renewed lately is left as it is.
            assert_eq!(jobs::by_id(tx, &held.id).await?.unwrap().lease_until, Some(moment(60)));
            assert_eq!(jobs::by_id(tx, &queued.id).await?.unwrap().lease_until, None);
            jobs::request_stop(tx, &held.run_id, StopRequest::Interrupt).await?;
            assert_eq!(jobs::by_id(tx, &held.id).await?.unwrap().stop, StopRequest::Interrupt);
            assert!(!jobs::drop_queued(tx, &held.run_id).await?);
            assert!(jobs::drop_queued(tx, &queued.run_id).await?);
            assert!(!jobs::drop_queued(tx, &queued.run_id).await?);
            assert!(jobs::next_for(tx, runner()).await?.is_none());
            Ok(())
        })
        .unwrap();
    })
    .await;
}
