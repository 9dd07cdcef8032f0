//! Which configuration a run may use, and for what.

use terrane_app::configuration_versions::{self, NewConfigurationVersion};
use terrane_app::runs::{self, NewRun, RunAction};
use terrane_app::workspaces::{self, WorkspaceKey, WorkspaceSettings};
use terrane_app::{AppError, jobs};
use terrane_domain::configuration_versions::ConfigurationVersionStatus;
use terrane_domain::execution::ExecutionChange;
use terrane_domain::ids::ConfigurationVersionId;

use crate::databases::each;
use crate::world::{World, upload, walk};

#[tokio::test]
async fn an_upload_queues_a_run_for_who_may_and_arrives_whatever_comes_of_that() {
    each(async |world| {
        let key = WorkspaceKey::Id(world.workspace_id.clone());
        let workspace = workspaces::read(&world.app, &world.owner, key.clone()).await.unwrap().workspace;
        let team = world.add_team(&workspace.organization_id).await;
        let owner = world.owner.user_id().unwrap().to_string();
        for (subject, mode, is_queued) in [
            (owner.as_str(), "remote", true),
            (team.as_str(), "remote", true),
            ("team-aaaaaaaaaaaaaaaa", "remote", false),
            ("nobody", "remote", false),
            (owner.as_str(), "local", false),
        ] {
            let execution = ExecutionChange { mode: Some(mode.to_owned()), ..Default::default() };
            let settings = WorkspaceSettings { execution, ..Default::default() };
            workspaces::update(&world.app, &world.owner, key.clone(), settings).await.unwrap();
            let new = NewConfigurationVersion {
                auto_queue_runs: true,
                speculative: false,
                provisional: false,
                source: "tfe-api".to_owned(),
            };
            let (version, address) =
                configuration_versions::create(&world.app, &world.owner, key.clone(), new).await.unwrap();
            assert!(address.contains(&owner), "the address says who got it");
            let count = async || {
                runs::list(&world.app, &world.owner, key.clone(), runs::RunFilter::default(), (1, 0)).await.unwrap().1
            };
            let before = count().await;
            upload(&world.app, &version.id, subject).await.unwrap();
            assert_eq!(count().await - before, i64::from(is_queued), "{subject} in {mode} mode");
            let version = configuration_versions::read(&world.app, &world.owner, version.id).await.unwrap();
            assert_eq!(version.status, ConfigurationVersionStatus::Uploaded);
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_uses_only_a_configuration_of_its_own_workspace() {
    each(async |world| {
        let (workspace_id, configuration) = world.add_workspace("other", false).await;
        let new = NewRun { configuration_version_id: Some(configuration), ..world.new_run() };
        let refused = runs::create(&world.app, &world.owner, new.clone()).await;
        assert!(matches!(refused, Err(AppError::Invalid { detail, .. }) if detail.contains("does not exist")));
        runs::create(&world.app, &world.owner, NewRun { workspace_id, ..new }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_run_of_a_speculative_configuration_only_plans_whatever_is_asked_for() {
    each(async |world| {
        let (workspace_id, configuration) = world.add_workspace("other", true).await;
        for plan_only in [None, Some(false), Some(true)] {
            let (workspace_id, configuration_version_id) = (workspace_id.clone(), Some(configuration.clone()));
            let new = NewRun { workspace_id, configuration_version_id, plan_only, ..world.new_run() };
            assert!(world.queue(new).await.run.plan_only, "{plan_only:?}");
        }
        assert!(!world.queue(NewRun { plan_only: Some(false), ..world.new_run() }).await.run.plan_only);
    })
    .await;
}

fn new_version(provisional: bool) -> NewConfigurationVersion {
    NewConfigurationVersion { auto_queue_runs: false, speculative: false, provisional, source: "tfe-api".to_owned() }
}

async fn add(world: &World, provisional: bool) -> ConfigurationVersionId {
    let key = WorkspaceKey::Id(world.workspace_id.clone());
    let new = new_version(provisional);
    let (version, _) = configuration_versions::create(&world.app, &world.owner, key, new).await.unwrap();
    upload(&world.app, &version.id, "nobody").await.unwrap();
    version.id
}

#[tokio::test]
async fn only_a_configuration_that_no_run_needs_is_archived() {
    each(async |world| {
        let archive = async |id: &ConfigurationVersionId| {
            configuration_versions::archive(&world.app, &world.owner, id.clone()).await
        };
        let refusal = async |id: &ConfigurationVersionId| archive(id).await.unwrap_err().to_string();
        let old = world.new_run().configuration_version_id.unwrap();
        assert!(refusal(&old).await.contains("current configuration"));
        let run = world.queue(world.new_run()).await.run.id;
        let new = add(world, false).await;
        assert!(refusal(&old).await.contains("not ended"));
        world.act(&run, RunAction::Cancel).await.unwrap();
        let blobs = || walk(&world.blob_folder());
        let before = blobs();
        archive(&old).await.unwrap();
        assert_eq!(before - blobs(), 1);
        let version = configuration_versions::read(&world.app, &world.owner, old.clone()).await.unwrap();
        assert_eq!(version.status, ConfigurationVersionStatus::Archived);
        assert!(version.status_timestamps["archived-at"].is_string());
        assert!(refusal(&old).await.contains("this one is archived"));
        assert!(matches!(upload(&world.app, &old, "nobody").await, Err(AppError::NotFound)));
        let by_run = configuration_versions::download_address_of_run(&world.app, &world.owner, run).await;
        assert!(matches!(by_run, Err(AppError::NotFound)));
        configuration_versions::download_address(&world.app, &world.owner, new).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_provisional_configuration_becomes_current_when_it_is_applied_unless_a_newer_one_is_there() {
    each(async |world| {
        for has_newer in [false, true] {
            let provisional = add(world, true).await;
            let newer = if has_newer { Some(add(world, false).await) } else { None };
            let key = WorkspaceKey::Id(world.workspace_id.clone());
            let current = async || {
                let view = workspaces::read(&world.app, &world.owner, key.clone()).await.unwrap();
                view.workspace.current_configuration_version_id
            };
            assert_ne!(current().await, Some(provisional.clone()));
            let new = NewRun {
                configuration_version_id: Some(provisional.clone()),
                auto_apply: Some(true),
                ..world.new_run()
            };
            world.queue(new).await;
            world.finish(&world.claim().await, true).await.unwrap();
            let job = world.claim().await;
            jobs::admit(&world.app, &world.runner, job.id.clone(), job.fence).await.unwrap();
            world.finish(&job, false).await.unwrap();
            assert_eq!(current().await, Some(newer.unwrap_or(provisional)));
            let run = world.queue(NewRun { configuration_version_id: None, ..world.new_run() }).await.run;
            assert_eq!(Some(run.configuration_version_id), current().await);
            world.act(&run.id, RunAction::Cancel).await.unwrap();
        }
    })
    .await;
}
