//! The lock of a workspace.

use futures_util::future::join_all;
use terrane_domain::ids::{RunId, UserId};
use terrane_domain::workspaces::LockHolder;
use terrane_store::workspaces;

use crate::databases::each;
use crate::samples::{World, entropy, keep};

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
