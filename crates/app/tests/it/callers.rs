//! Credentials that end.

use std::time::Duration;

use terrane_app::AppError;
use terrane_app::callers::{Secret, authenticate, set_runner_token};
use terrane_app::runs::NewRun;
use terrane_app::tokens::{self, Expiry, NewToken};
use terrane_domain::access::CredentialKind;

use crate::databases::each;

#[tokio::test]
async fn a_token_that_was_replaced_is_refused_at_once() {
    each(async |world| {
        for number in 0..20 {
            let (old, new) = (Secret::new(format!("runner-{number}")), Secret::new("next"));
            set_runner_token(&world.app, old.clone()).await.unwrap();
            let caller = authenticate(&world.app, Some(old.clone())).await.unwrap();
            assert_eq!(caller.kind, CredentialKind::RunnerPool);
            set_runner_token(&world.app, new).await.unwrap();
            assert!(matches!(authenticate(&world.app, Some(old)).await, Err(AppError::Unauthorized)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_runs_token_ends_with_each_phase() {
    each(async |world| {
        world.queue(NewRun { auto_apply: Some(true), ..world.new_run() }).await;
        let kind = async |secret: &str| match authenticate(&world.app, Some(Secret::new(secret))).await {
            Ok(caller) => Some(caller.kind),
            Err(AppError::Unauthorized) => None,
            Err(other) => panic!("{other}"),
        };
        let plan = world.claim().await;
        assert_eq!(kind(&plan.token).await, Some(CredentialKind::Run));
        world.finish(&plan, true).await.unwrap();
        assert_eq!(kind(&plan.token).await, None);
        let apply = world.claim().await;
        assert_ne!(apply.token, plan.token);
        assert_eq!(kind(&apply.token).await, Some(CredentialKind::Run));
        world.finish(&apply, false).await.unwrap();
        assert_eq!(kind(&apply.token).await, None);
    })
    .await;
}

#[tokio::test]
async fn the_last_use_of_a_token_is_stored_now_and_then_and_not_with_each_call() {
    each(async |world| {
        let user_id = world.owner.user_id().unwrap().clone();
        let new = NewToken { description: None, expiry: Expiry::Never };
        let made = tokens::create(&world.app, &world.owner, user_id, new).await.unwrap();
        let last_used =
            async || tokens::read(&world.app, &world.owner, made.token.id.clone()).await.unwrap().token.last_used_at;
        let mut uses = vec![last_used().await];
        for _ in 0..2 {
            let before = world.app.store().statements();
            for _ in 0..50 {
                authenticate(&world.app, made.secret.clone()).await.unwrap();
            }
            assert_eq!(world.app.store().statements() - before, 1, "one look, no write");
            tokens::store_uses(&world.app).await.unwrap();
            uses.push(last_used().await);
            world.pass(Duration::from_mins(1));
        }
        assert_eq!(uses[0], None);
        assert!(uses[2].unwrap().since(uses[1].unwrap()) >= Duration::from_mins(1));
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_when_its_time_has_come() {
    each(async |world| {
        let user_id = world.owner.user_id().unwrap().clone();
        let end = world.app.store().now().plus(Duration::from_hours(1));
        let new = NewToken { description: None, expiry: Expiry::At(end) };
        let secret = tokens::create(&world.app, &world.owner, user_id, new).await.unwrap().secret;
        authenticate(&world.app, secret.clone()).await.unwrap();
        world.pass(Duration::from_hours(1));
        assert!(matches!(authenticate(&world.app, secret).await, Err(AppError::Unauthorized)));
    })
    .await;
}
