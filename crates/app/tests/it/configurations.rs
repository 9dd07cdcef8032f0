//! Which configuration a run may use, and for what.

use terrane_app::AppError;
use terrane_app::runs::{self, NewRun};

use crate::databases::each;

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
