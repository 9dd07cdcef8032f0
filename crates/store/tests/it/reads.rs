//! What a read promises.

use std::time::Duration;

use terrane_store::organizations;

use crate::databases::each;
use crate::samples::{World, keep, organization};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_sees_one_moment() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let later = keep(organization("later"));
        let store = bench.store.clone();
        read!(bench.store, tx => {
            assert!(organizations::by_id(tx, &world.organization.id).await?.is_some());
            write!(store, tx => organizations::insert(tx, later).await)?;
            assert!(organizations::by_id(tx, &later.id).await?.is_none());
            Ok(())
        })
        .unwrap();
        assert!(read!(bench.store, tx => organizations::by_id(tx, &later.id).await).unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_dropped_midway_give_their_connections_back() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for micros in (0..2000).step_by(20) {
            let read = async {
                read!(bench.store, tx => {
                    for _ in 0..20 {
                        organizations::by_id(tx, &world.organization.id).await?;
                    }
                    Ok(())
                })
            };
            let _ = tokio::time::timeout(Duration::from_micros(micros), read).await;
        }
        for number in 0..32 {
            let new = keep(organization(&format!("new-{number}")));
            write!(bench.store, tx => organizations::insert(tx, new).await).unwrap();
            assert!(read!(bench.store, tx => organizations::by_id(tx, &new.id).await).unwrap().is_some());
        }
    })
    .await;
}

#[tokio::test]
async fn a_read_cannot_write() {
    each(async |bench| {
        let new = keep(organization("new"));
        assert!(read!(bench.store, tx => organizations::insert(tx, new).await).is_err());
        assert!(read!(bench.store, tx => organizations::by_id(tx, &new.id).await).unwrap().is_none());
    })
    .await;
}
