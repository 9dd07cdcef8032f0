//! Credentials that end.

use terrane_app::AppError;
use terrane_app::callers::{Secret, authenticate, set_runner_token};
use terrane_domain::access::CredentialKind;

use crate::world::World;

#[tokio::test]
async fn a_token_that_was_replaced_is_refused_at_once() {
    let world = World::new().await;
    for number in 0..20 {
        let (old, new) = (Secret::new(format!("runner-{number}")), Secret::new("next"));
        set_runner_token(&world.app, old.clone()).await.unwrap();
        let caller = authenticate(&world.app, Some(old.clone())).await.unwrap();
        assert_eq!(caller.kind, CredentialKind::RunnerPool);
        set_runner_token(&world.app, new).await.unwrap();
        assert!(matches!(authenticate(&world.app, Some(old)).await, Err(AppError::Unauthorized)));
    }
}

#[tokio::test]
async fn a_runs_token_ends_with_the_run() {
    let world = World::new().await;
    world.queue(world.new_run()).await;
    let job = world.claim().await;
    let secret = Secret::new(job.run_token.clone());
    assert_eq!(authenticate(&world.app, Some(secret.clone())).await.unwrap().kind, CredentialKind::Run);
    world.finish(&job, false).await.unwrap();
    assert!(matches!(authenticate(&world.app, Some(secret)).await, Err(AppError::Unauthorized)));
}
