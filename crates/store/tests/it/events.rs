//! The chain of events, and what is found in it.

use futures_util::future::join_all;
use terrane_domain::events::Event;
use terrane_domain::ids::{EventId, OrganizationId};
use terrane_store::events;

use crate::databases::{Bench, each};
use crate::samples::{entropy, keep, moment};

async fn insert(bench: &Bench, organization_id: &OrganizationId, count: usize) {
    for number in 0..count {
        let event = keep(Event {
            id: EventId::from_entropy(entropy()),
            organization_id: organization_id.clone(),
            at: moment(0),
            actor: "system".to_owned(),
            action: "workspace.create".to_owned(),
            subject: format!("ws-{number}"),
            details: serde_json::json!({ "number": number }),
            caused_by: None,
        });
        write!(bench.store, tx => events::insert(tx, event).await).unwrap();
    }
}

/// Each organization's sealed and unsealed events, or the first thing that is wrong.
async fn verify(bench: &Bench) -> Result<Vec<(i64, i64)>, String> {
    let reports = bench.store.verify_events().await.map_err(|error| error.to_string())?;
    reports.into_iter().map(|report| report.fault.map_or(Ok((report.sealed, report.unsealed)), Err)).collect()
}

#[tokio::test]
async fn sealing_numbers_without_gaps() {
    each(async |bench| {
        let ids = [OrganizationId::from_entropy(entropy()), OrganizationId::from_entropy(entropy())];
        for round in 1..=3 {
            for id in &ids {
                insert(bench, id, 3).await;
            }
            assert_eq!(verify(bench).await.unwrap(), [((round - 1) * 3, 3); 2]);
            assert_eq!(bench.store.seal_events().await.unwrap(), 6);
            assert_eq!(bench.store.seal_events().await.unwrap(), 0);
            assert_eq!(verify(bench).await.unwrap(), [(round * 3, 0); 2]);
        }
        for id in &ids {
            let sql = format!("SELECT CAST(seq AS TEXT) FROM events WHERE organization_id = '{id}' ORDER BY position");
            assert_eq!(bench.texts(&sql).await, (1..=9).map(|seq| seq.to_string()).collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sealers_make_one_chain() {
    each(async |bench| {
        let second = bench.open().await.unwrap();
        let id = OrganizationId::from_entropy(entropy());
        for _ in 0..5 {
            insert(bench, &id, 20).await;
            let seals = (0..8).map(|number| {
                let store = if number % 2 == 0 { bench.store.clone() } else { second.clone() };
                tokio::spawn(async move { store.seal_events().await.unwrap() })
            });
            let sealed: usize = join_all(seals).await.into_iter().map(Result::unwrap).sum();
            assert_eq!(sealed, 20);
            verify(bench).await.unwrap();
        }
        assert_eq!(verify(bench).await.unwrap(), [(100, 0)]);
    })
    .await;
}

/// Every column of an event but `position`, which means nothing once the event has its number.
const ALTERATIONS: &[&str] = &[
    "id = 'ev-1111111111111111'",
    "id = 'garbage'",
    "organization_id = 'org-1111111111111111'",
    "organization_id = 'garbage'",
    "at = at + 1",
    "actor = 'somebody else'",
    "actor = actor || ' '",
    "action = 'workspace.read'",
    "subject = 'ws-other'",
    "details = '{}'",
    "details = 'garbage'",
    "caused_by = 'ev-1111111111111111'",
    "caused_by = ''",
    "seq = 77",
    "seq = 0",
    "seq = NULL",
    "seq = NULL, prev = NULL, hash = NULL",
    "prev = hash",
    "prev = NULL",
    "hash = prev",
    "hash = NULL",
];

const OTHER_TAMPERINGS: &[&str] = &[
    "DELETE FROM events WHERE seq = 1",
    "DELETE FROM events WHERE seq = 3",
    "DELETE FROM events WHERE seq = 5",
    "DELETE FROM events WHERE seq > 3",
    "DELETE FROM events",
    "DELETE FROM events WHERE seq = 3; UPDATE events SET seq = seq - 1 WHERE seq = 4; UPDATE events SET seq = seq - 1 WHERE seq = 5",
    "UPDATE events SET seq = 99 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 99",
    "UPDATE events SET seq = 99 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 5; UPDATE events SET seq = 5 WHERE seq = 99",
    "UPDATE events SET subject = 'ws-x' WHERE seq = 2; UPDATE events SET subject = 'ws-1' WHERE seq = 3; UPDATE events SET subject = 'ws-2' WHERE seq = 2",
    "UPDATE event_heads SET seq = 4",
    "UPDATE event_heads SET hash = 'forged'",
    "UPDATE event_heads SET signature = (SELECT signature FROM event_heads ORDER BY organization_id LIMIT 1)",
    "DELETE FROM event_heads",
    "DELETE FROM events WHERE seq = 5; UPDATE event_heads SET seq = 4, hash = (SELECT hash FROM events e WHERE e.seq = 4 AND e.organization_id = event_heads.organization_id)",
];

#[tokio::test]
async fn every_tampering_is_found() {
    each(async |bench| {
        for _ in 0..2 {
            insert(bench, &OrganizationId::from_entropy(entropy()), 5).await;
        }
        bench.store.seal_events().await.unwrap();
        assert_eq!(verify(bench).await.unwrap(), [(5, 0), (5, 0)]);
        bench
            .raw("CREATE TABLE kept AS SELECT * FROM events; CREATE TABLE kept_heads AS SELECT * FROM event_heads")
            .await
            .unwrap();
        let last = bench.texts("SELECT MAX(organization_id) FROM events").await.remove(0);
        let overriding = if bench.is_postgres { "OVERRIDING SYSTEM VALUE" } else { "" };
        let restore = format!(
            "DELETE FROM events; INSERT INTO events {overriding} SELECT * FROM kept; \
             DELETE FROM event_heads; INSERT INTO event_heads SELECT * FROM kept_heads"
        );
        let alterations = [1, 3, 5].into_iter().flat_map(|seq| {
            let last = &last;
            ALTERATIONS.iter().map(move |alteration| {
                format!("UPDATE events SET {alteration} WHERE seq = {seq} AND organization_id = '{last}'")
            })
        });
        let all: Vec<_> = alterations.chain(OTHER_TAMPERINGS.iter().map(|&sql| sql.to_owned())).collect();
        for tampering in all {
            bench.raw(&tampering).await.unwrap();
            assert!(verify(bench).await.is_err(), "not found: {tampering}");
            bench.raw(&restore).await.unwrap();
            assert_eq!(verify(bench).await.unwrap(), [(5, 0), (5, 0)], "not restored after: {tampering}");
        }
    })
    .await;
}
