//! Errored states: one for each run, and one decision about it.

use futures_util::future::join_all;
use terrane_domain::errored_states::Resolution;
use terrane_domain::runs::RunStatus;
use terrane_store::{StoreError, errored_states};

use crate::databases::each;
use crate::samples::{World, errored_state, keep};

#[tokio::test]
async fn a_run_leaves_one_state() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::Errored, 0)).await;
        write!(bench.store, tx => errored_states::insert(tx, &errored_state(run, "one")).await).unwrap();
        let second = write!(bench.store, tx => errored_states::insert(tx, &errored_state(run, "two")).await);
        assert!(matches!(second, Err(StoreError::Taken)), "{second:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_decisions_one_stands() {
    each(async |bench| {
        let second = bench.open().await.unwrap();
        let world = World::new(&bench.store).await;
        let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::Errored, 0)).await;
        let state = keep(errored_state(run, "one"));
        write!(bench.store, tx => errored_states::insert(tx, state).await).unwrap();
        let decisions = (0..8).map(|number| {
            let store = if number % 2 == 0 { bench.store.clone() } else { second.clone() };
            let wanted = if number < 4 { Resolution::Adopted } else { Resolution::Discarded };
            tokio::spawn(async move {
                let stands = write!(store, tx => errored_states::resolve(tx, &run.id, wanted).await).unwrap();
                stands.then_some(wanted)
            })
        });
        let stood: Vec<_> = join_all(decisions).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(stood.len(), 1);
        let found = read!(bench.store, tx => errored_states::of_run(tx, &run.id).await).unwrap().unwrap();
        assert_eq!(found.resolution, Some(stood[0]));
        assert!(found.resolved_at.is_some());
    })
    .await;
}
