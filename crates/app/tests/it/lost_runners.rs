//! A runner that is not heard of for a whole lease.

use std::collections::HashSet;
use std::time::Duration;

use terrane_app::background::Sweep;
use terrane_app::jobs::JobInput;
use terrane_app::runs::{NewRun, RunAction};
use terrane_app::{AppError, PlanDocument, jobs, streams, workspaces};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{Job, Phase, ReattachRequest, RefusalCode, SandboxLevel};
use terrane_domain::runs::RunStatus;
use terrane_domain::workspaces::LockHolder;

use crate::databases::each;
use crate::world::walk;

const LEASE: Duration = Duration::from_secs(31);

pub(crate) fn refusal(result: Result<impl Sized, AppError>) -> RefusalCode {
    match result {
        Err(AppError::Refused(refusal)) => refusal.code,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
async fn a_lost_plan_is_given_out_once_more_and_then_fails_with_a_reason() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        let first = world.claim().await;
        world.pass(LEASE);
        assert_eq!(jobs::sweep_lost(&world.app).await.unwrap(), 1);
        let second = world.claim().await;
        assert_eq!((second.id.clone(), second.phase), (first.id.clone(), Phase::Plan));
        assert_eq!(refusal(world.log(&first, 0, "late").await), RefusalCode::LeaseLost);
        let configuration = async |job: &Job| {
            jobs::input(&world.app, &world.runner, job.id.clone(), job.fence, JobInput::Configuration).await
        };
        assert_eq!(refusal(configuration(&first).await), RefusalCode::LeaseLost);
        assert!(configuration(&second).await.is_ok());
        world.pass(LEASE);
        jobs::sweep_lost(&world.app).await.unwrap();
        let ended = world.read(&run.id).await;
        assert_eq!(ended.run.status, RunStatus::Errored);
        assert_eq!(ended.run.reason, Some(ReasonCode::PlanRunnerLost));
        assert_eq!(ended.workspace.lock_holder, None);
    })
    .await;
}

#[tokio::test]
async fn an_apply_that_never_began_is_given_out_again_but_not_for_ever() {
    each(async |world| {
        for (losses, is_admitted_at_last) in [(4, true), (5, false)] {
            let run = world.queue(world.new_run()).await.run;
            world.finish(&world.claim().await, true).await.unwrap();
            world.act(&run.id, RunAction::Confirm).await.unwrap();
            let mut ids = HashSet::new();
            for _ in 0..losses {
                ids.insert(world.claim().await.id);
                world.pass(LEASE);
                jobs::sweep_lost(&world.app).await.unwrap();
            }
            assert_eq!(ids.len(), 1);
            if is_admitted_at_last {
                let job = world.claim().await;
                assert_eq!(job.phase, Phase::Apply);
                jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
                world.finish(&job, false).await.unwrap();
            }
            let ended = world.read(&run.id).await;
            let reason = (!is_admitted_at_last).then_some(ReasonCode::ApplyRunnerLost);
            assert_eq!((ended.run.status.is_final(), ended.run.reason), (true, reason));
            assert_eq!(ended.workspace.lock_holder, None, "nothing was changed, so nobody has to look");
        }
    })
    .await;
}

#[tokio::test]
async fn an_admitted_apply_is_never_given_out_again_and_blocks_the_workspace() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let job = world.claim().await;
        jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
        world.pass(LEASE);
        jobs::sweep_lost(&world.app).await.unwrap();
        let ended = world.read(&run.id).await;
        assert_eq!(ended.run.reason, Some(ReasonCode::RunnerLost));
        assert_eq!(ended.workspace.lock_holder, Some(LockHolder::Recovery(run.id)));
        assert_eq!(refusal(world.finish(&job, false).await), RefusalCode::LeaseLost);

        let waiting = world.queue(world.new_run()).await.run;
        assert_eq!(waiting.status, RunStatus::Pending);
        let key = workspaces::WorkspaceKey::Id(world.workspace_id.clone());
        workspaces::force_unlock(&world.app, &world.owner, key).await.unwrap();
        assert_eq!(world.read(&waiting.id).await.run.status, RunStatus::PlanQueued);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_admission_is_answered_alike_but_not_to_the_runners_next_life() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let job = world.claim().await;
        for _ in 0..3 {
            jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
        }
        let admit = |fence| jobs::admit(&world.app, &world.runner, job.id.clone(), fence);
        assert_eq!(refusal(admit(job.fence + 1).await), RefusalCode::LeaseLost);
        let runner_id = terrane_domain::ids::RunnerId::from_entropy(1);
        let request = ReattachRequest { runner_id, sandbox_level: SandboxLevel::L1 };
        let next = jobs::reattach(&world.app, &world.runner, job.id.clone(), request).await.unwrap();
        assert!(next.admitted);
        assert_eq!(refusal(admit(job.fence).await), RefusalCode::LeaseLost);
        assert_eq!(refusal(admit(next.fence).await), RefusalCode::AlreadyAdmitted);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_not_lost() {
    each(async |world| {
        world.queue(world.new_run()).await;
        let job = world.claim().await;
        for _ in 0..5 {
            world.pass(Duration::from_secs(20));
            jobs::renew(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
            assert_eq!(jobs::sweep_lost(&world.app).await.unwrap(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_machine_that_slept_takes_no_runner_for_lost() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let job = world.claim().await;
        jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
        let mut sweep = Sweep::new(&world.app);
        world.pass(Duration::from_hours(1));
        assert_eq!(sweep.look(&world.app).await.unwrap(), 0);
        jobs::renew(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();

        // One that does not come back after it is lost all the same.
        let mut lost = 0;
        for _ in 0..LEASE.as_secs() {
            world.pass(Duration::from_secs(1));
            lost += sweep.look(&world.app).await.unwrap();
        }
        assert_eq!(lost, 1);
    })
    .await;
}

#[tokio::test]
async fn log_bytes_that_are_stored_are_taken_again_without_effect_and_a_gap_is_refused() {
    each(async |world| {
        world.queue(world.new_run()).await;
        let job = world.claim().await;
        assert_eq!(world.log(&job, 0, "abc").await.unwrap(), 3);
        assert_eq!(world.log(&job, 0, "abc").await.unwrap(), 3);
        assert_eq!(world.log(&job, 1, "bcd").await.unwrap(), 4);
        assert_eq!(refusal(world.log(&job, 9, "x").await), RefusalCode::LogGap);
    })
    .await;
}

#[tokio::test]
async fn a_lost_job_that_cannot_be_dealt_with_does_not_keep_the_others() {
    each(async |world| {
        let broken = world.queue(world.new_run()).await.run;
        world.claim().await;
        let (workspace_id, configuration) = world.add_workspace("other", false).await;
        let other = world
            .queue(NewRun { workspace_id, configuration_version_id: Some(configuration), ..world.new_run() })
            .await
            .run;
        world.claim().await;
        let sql = format!("UPDATE run_phases SET status = 'nonsense' WHERE run_id = '{}'", broken.id);
        assert_eq!(world.execute(&sql).await, 2);
        world.pass(LEASE);
        assert_eq!(jobs::sweep_lost(&world.app).await.unwrap(), 2);
        assert_eq!(world.read(&other.id).await.run.status, RunStatus::PlanQueued);
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_run_is_over_is_not_given_out_again_and_again() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        let sql = format!("UPDATE runs SET status = 'canceled' WHERE id = '{}'", run.id);
        assert_eq!(world.execute(&sql).await, 1);
        assert!(world.claim_or_none().await.is_none());
        world.pass(LEASE);
        assert_eq!(jobs::sweep_lost(&world.app).await.unwrap(), 0);
        assert!(world.claim_or_none().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_document_that_is_sent_again_leaves_one_blob() {
    each(async |world| {
        world.queue(world.new_run()).await;
        let job = world.claim().await;
        let before = walk(&world.blob_folder());
        for text in ["{}", "{ }"] {
            let (id, body) = (job.id.clone(), streams::body(text));
            let put = jobs::put_plan_document(&world.app, &world.runner, id, job.fence, PlanDocument::Json, body);
            put.await.unwrap();
        }
        assert_eq!(walk(&world.blob_folder()), before + 1);
    })
    .await;
}
