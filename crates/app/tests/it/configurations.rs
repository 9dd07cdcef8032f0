//! Which configuration a run may use, and for what.

use terrane_app::AppError;
use terrane_app::configuration_versions::{self, NewConfigurationVersion};
use terrane_app::runs::{self, NewRun};
use terrane_app::workspaces::{self, WorkspaceKey, WorkspaceSettings};
use terrane_domain::configuration_versions::ConfigurationVersionStatus;
use terrane_domain::execution::ExecutionChange;

use crate::databases::each;
use crate::world::upload;

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
