//! What a workspace keeps of its runs, and what is left of it on disk.

use std::time::Duration;

use futures_util::future::join3;
use terrane_app::AppError;
use terrane_app::runs::{NewRun, RunAction};
use terrane_app::workspaces::{self, WorkspaceKey};
use terrane_domain::runner_protocol::Outcome;

use crate::databases::each;
use crate::world::{upload, walk};

#[tokio::test]
async fn the_averages_are_those_of_the_runs_that_ended() {
    each(async |world| {
        let statistics = async || {
            let key = WorkspaceKey::Id(world.workspace_id.clone());
            let found = workspaces::read(&world.app, &world.owner, key).await.unwrap().workspace.statistics;
            let seconds = |average: Option<u64>| average.map(|millis| millis / 1000);
            (
                found.runs_count,
                found.run_failures,
                seconds(found.plan_duration_average),
                seconds(found.apply_duration_average),
            )
        };
        assert_eq!(statistics().await, (0, 0, None, None));
        let applied = world.queue(world.new_run()).await.run;
        let plan = world.claim().await;
        world.pass(Duration::from_secs(2));
        world.finish(&plan, true).await.unwrap();
        assert_eq!(statistics().await, (0, 0, None, None), "it is not over yet");
        world.act(&applied.id, RunAction::Confirm).await.unwrap();
        let apply = world.claim().await;
        terrane_app::jobs::admit(&world.app, &world.runner, apply.id.clone(), apply.fence).await.unwrap();
        world.pass(Duration::from_secs(10));
        world.finish(&apply, false).await.unwrap();
        assert_eq!(statistics().await, (1, 0, Some(2), Some(10)));
        world.queue(world.new_run()).await;
        let plan = world.claim().await;
        world.pass(Duration::from_secs(4));
        world.finish(&plan, false).await.unwrap();
        assert_eq!(statistics().await, (2, 0, Some(3), Some(10)));
        world.queue(world.new_run()).await;
        let plan = world.claim().await;
        world.end(&plan, Outcome::Errored, false).await.unwrap();
        assert_eq!(statistics().await.1, 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_deleted_workspace_is_left_on_disk() {
    each(async |world| {
        let blobs = || walk(&world.blob_folder());
        assert_eq!(blobs(), 1);
        world.queue(world.new_run()).await;
        workspaces::delete(&world.app, &world.owner, WorkspaceKey::Id(world.workspace_id.clone())).await.unwrap();
        assert_eq!(blobs(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_workspace_that_is_deleted_waits_for_nobody_who_waits_for_it() {
    each(async |world| {
        for round in 0..20 {
            let (workspace_id, configuration) = world.add_workspace(&format!("round-{round}"), false).await;
            let key = WorkspaceKey::Id(workspace_id.clone());
            let configuration_version_id = Some(configuration.clone());
            world.queue(NewRun { workspace_id, configuration_version_id, ..world.new_run() }).await;
            let job = world.claim().await;
            let (deleted, finished, uploaded) = Box::pin(join3(
                workspaces::delete(&world.app, &world.owner, key),
                world.finish(&job, false),
                upload(&world.app, &configuration, "nobody"),
            ))
            .await;
            deleted.unwrap();
            for told in [finished, uploaded] {
                assert!(!matches!(told, Err(AppError::Store(_))), "{told:?}");
            }
        }
    })
    .await;
}
