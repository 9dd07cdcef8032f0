//! The order of a workspace's states, and what its lock waits for.

use std::time::Duration;

use futures_util::future::join_all;
use md5::{Digest as _, Md5};
use terrane_app::runs::RunAction;
use terrane_app::signed_urls::{Grant, Purpose};
use terrane_app::state_versions::{self, NewStateVersion};
use terrane_app::workspaces::{self, WorkspaceKey};
use terrane_app::{AppError, jobs, state_uploads, streams};
use terrane_domain::ids::StateVersionId;
use terrane_store::hex;

use crate::databases::each;
use crate::world::World;

fn state(serial: i64) -> Vec<u8> {
    format!(
        r#"{{"version":4,"terraform_version":"1.11.4","serial":{serial},"lineage":"l","outputs":{{}},"resources":[]}}"#
    )
    .into_bytes()
}

fn key(world: &World) -> WorkspaceKey {
    WorkspaceKey::Id(world.workspace_id.clone())
}

async fn lock(world: &World) {
    workspaces::lock(&world.app, &world.owner, key(world), String::new()).await.unwrap();
}

async fn unlock(world: &World) -> Result<(), AppError> {
    workspaces::unlock(&world.app, &world.owner, key(world)).await.map(drop)
}

async fn announce(world: &World, serial: i64) -> StateVersionId {
    let md5 = hex(&Md5::digest(state(serial)));
    let new = NewStateVersion { serial, lineage: "l".to_owned(), md5, force: false, run_id: None, state: None };
    state_versions::create(&world.app, &world.owner, key(world), new).await.unwrap().version.id
}

async fn put(world: &World, id: &StateVersionId, serial: i64) -> Result<(), AppError> {
    let grant = Grant { purpose: Purpose::StateUpload, resource: id.to_string(), subject: "nobody".to_owned() };
    state_uploads::upload(&world.app, &grant, streams::body(state(serial))).await
}

async fn serial(world: &World) -> i64 {
    state_versions::current(&world.app, &world.owner, key(world)).await.unwrap().version.serial
}

#[tokio::test]
async fn of_two_announced_states_the_newer_one_is_taken_in_whatever_order_they_come() {
    each(async |world| {
        lock(world).await;
        for (old, new, order) in [(1, 2, [1, 2]), (3, 4, [4, 3])] {
            let ids = [(old, announce(world, old).await), (new, announce(world, new).await)];
            for serial in order {
                let (_, id) = ids.iter().find(|(other, _)| *other == serial).unwrap();
                assert_eq!(put(world, id, serial).await.is_ok(), serial == new, "{serial}");
            }
            assert_eq!(serial(world).await, new);
        }
        unlock(world).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_announced_state_keeps_the_lock_as_long_as_its_address_lives() {
    each(async |world| {
        lock(world).await;
        let id = announce(world, 1).await;
        world.pass(Duration::from_mins(59));
        assert!(matches!(unlock(world).await, Err(AppError::Invalid { .. })));
        world.pass(Duration::from_mins(1));
        unlock(world).await.unwrap();
        assert!(matches!(put(world, &id, 1).await, Err(AppError::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn equal_snapshots_at_once_are_stored_once() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let job = world.claim().await;
        for serial in 1..=10 {
            let put = || {
                let body = streams::body(state(serial));
                jobs::put_state(&world.app, &world.runner, job.id.clone(), job.fence, body)
            };
            assert!(join_all((0..4).map(|_| put())).await.iter().all(Result::is_ok));
            let (_, total) = state_versions::list(&world.app, &world.owner, key(world), 1, 0).await.unwrap();
            assert_eq!(total, serial);
        }
    })
    .await;
}

#[tokio::test]
async fn each_step_of_a_state_leaves_one_event() {
    each(async |world| {
        lock(world).await;
        let events = async || {
            let mut count = 0;
            loop {
                match world.app.store().seal_events().await.unwrap() {
                    0 => return count,
                    sealed => count += sealed,
                }
            }
        };
        events().await;
        let id = announce(world, 1).await;
        assert_eq!(events().await, 1);
        put(world, &id, 1).await.unwrap();
        assert_eq!(events().await, 1);
        for wanted in [1, 0] {
            let grant =
                Grant { purpose: Purpose::JsonStateUpload, resource: id.to_string(), subject: "nobody".to_owned() };
            state_uploads::upload_json(&world.app, &grant, streams::body(&b"{}"[..])).await.unwrap();
            assert_eq!(events().await, wanted, "the JSON form is taken once");
        }
    })
    .await;
}
