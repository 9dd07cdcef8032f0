//! Logs: live, ended, compacted.

use terrane_domain::runner_protocol::{ETX, STX};
use terrane_domain::runs::{Run, RunPhase, RunStatus};
use terrane_store::logs;
use terrane_store::{StoreError, runs};

use crate::databases::{Bench, each};
use crate::samples::{World, keep};

async fn append(bench: &Bench, run: &'static Run, phase: &RunPhase, bytes: &'static [u8]) -> (bool, RunPhase) {
    let mut phase = phase.clone();
    write!(bench.store, tx => {
        let done = logs::append(tx, &run.organization_id, &mut phase, bytes).await?;
        Ok((done, phase))
    })
    .unwrap()
}

async fn end(bench: &Bench, run: &'static Run, phase: &RunPhase, last: &'static [u8]) -> (bool, RunPhase) {
    let mut phase = phase.clone();
    write!(bench.store, tx => {
        let done = logs::end(tx, &run.organization_id, &mut phase, last).await?;
        Ok((done, phase))
    })
    .unwrap()
}

async fn log(bench: &Bench, phase: &RunPhase, offset: u64, limit: usize) -> Result<Vec<u8>, StoreError> {
    let run = keep(phase.run_id.clone());
    let run = read!(bench.store, tx => runs::by_id(tx, run).await).unwrap().unwrap();
    bench.store.read_log(&run.organization_id, phase, offset, limit).await.map(Vec::from)
}

async fn stored(bench: &Bench, phase: &RunPhase) -> RunPhase {
    let id = keep(phase.id.clone());
    read!(bench.store, tx => runs::phase_by_id(tx, id).await).unwrap().unwrap()
}

async fn new_run(bench: &Bench, world: &World) -> (&'static Run, RunPhase) {
    let (run, [plan, _]) = world.insert_run(&bench.store, world.run(RunStatus::Planning, 0)).await;
    (run, plan.clone())
}

#[tokio::test]
async fn is_read_from_any_offset() {
    each(async |bench| {
        let (run, mut phase) = new_run(bench, World::new(&bench.store).await).await;
        let whole = b"\x02first second third";
        for piece in [&b"\x02first "[..], b"", b"sec", b"ond third"] {
            let (done, grown) = append(bench, run, &phase, piece).await;
            assert!(done);
            phase = grown;
        }
        assert_eq!(stored(bench, &phase).await, phase);
        assert_eq!(usize::try_from(phase.log_length).unwrap(), whole.len());
        for offset in 0..=whole.len() + 1 {
            for limit in 0..=whole.len() {
                let found = log(bench, &phase, u64::try_from(offset).unwrap(), limit).await.unwrap();
                let start = offset.min(whole.len());
                assert_eq!(found, whole[start..(start + limit).min(whole.len())], "{offset} {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_adds_its_mark() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, phase) = new_run(bench, world).await;
        let (_, phase) = append(bench, run, &phase, b"\x02a").await;
        let (done, phase) = end(bench, run, &phase, b"b").await;
        assert!(done && phase.log_ended && stored(bench, &phase).await == phase);
        assert_eq!(log(bench, &phase, 0, 100).await.unwrap(), [STX, b'a', b'b', ETX]);

        let (run, phase) = new_run(bench, world).await;
        let (done, phase) = end(bench, run, &phase, b"").await;
        assert!(done);
        assert_eq!(log(bench, &phase, 0, 100).await.unwrap(), [STX, ETX]);
    })
    .await;
}

#[tokio::test]
async fn stale_and_late_bytes_are_refused() {
    each(async |bench| {
        let (run, stale) = new_run(bench, World::new(&bench.store).await).await;
        let (_, phase) = append(bench, run, &stale, b"\x02once").await;
        let (done, same) = append(bench, run, &stale, b"\x02twice").await;
        assert!(!done && same == stale);
        let (done, same) = end(bench, run, &stale, b"\x02twice").await;
        assert!(!done && same == stale);
        assert_eq!(log(bench, &phase, 0, 100).await.unwrap(), b"\x02once");

        let (_, phase) = end(bench, run, &phase, b"").await;
        assert!(!append(bench, run, &phase, b"late").await.0);
        let (done, same) = end(bench, run, &phase, b"").await;
        assert!(!done && same.log_ended, "an ended log is no longer called ended");
        assert_eq!(log(bench, &phase, 0, 100).await.unwrap(), b"\x02once\x03");
    })
    .await;
}

async fn rows(bench: &Bench) -> String {
    bench.texts("SELECT CAST(COUNT(*) AS TEXT) FROM log_chunks").await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_keeps_bytes_and_removes_rows() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, mut phase) = new_run(bench, world).await;
        let piece: &'static [u8] = Vec::leak((0..65_521_u32).map(|n| n.to_le_bytes()[0]).collect());
        for _ in 0..20 {
            phase = append(bench, run, &phase, piece).await.1;
        }
        assert_eq!(bench.store.compact_logs().await.unwrap().moved, 0, "a live log was moved");
        phase = end(bench, run, &phase, b"last").await.1;
        let whole = log(bench, &phase, 0, usize::MAX).await.unwrap();
        assert_eq!(i64::try_from(whole.len()).unwrap(), phase.log_length);

        let (first, second) = tokio::join!(bench.store.compact_logs(), bench.store.compact_logs());
        assert_eq!(first.unwrap().moved + second.unwrap().moved, 1, "moved once");
        assert_eq!(rows(bench).await, "0");
        let moved = stored(bench, &phase).await;
        assert!(moved.log_blob.is_some());
        for (phase, age) in [(&moved, "fresh"), (&phase, "stale")] {
            assert!(log(bench, phase, 0, usize::MAX).await.unwrap() == whole, "{age}");
            assert!(log(bench, phase, 70_000, 70_000).await.unwrap() == whole[70_000..140_000], "{age}");
        }
        assert_eq!(bench.store.compact_logs().await.unwrap().moved, 0);
        let blobs = std::fs::read_dir(bench.blob_folder().join(run.organization_id.as_str()).join("logs")).unwrap();
        assert_eq!(blobs.count(), 1, "the loser's blob is left");
    })
    .await;
}

#[tokio::test]
async fn a_log_with_a_gap_is_never_shown_closed_up() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, mut phase) = new_run(bench, world).await;
        for piece in [&b"\x02first"[..], b"second", b"third"] {
            phase = append(bench, run, &phase, piece).await.1;
        }
        phase = end(bench, run, &phase, b"").await.1;
        for start in [0, 6, 17] {
            bench.raw("CREATE TABLE kept AS SELECT * FROM log_chunks").await.unwrap();
            bench.raw(&format!("DELETE FROM log_chunks WHERE start = {start}")).await.unwrap();
            let sealed = |result| matches!(result, Err(StoreError::Sealed(_)));
            assert!(sealed(log(bench, &phase, start, 100).await), "{start}");
            let failed = bench.store.compact_logs().await.unwrap().failed;
            assert!(matches!(&failed[..], [(id, StoreError::Sealed(_))] if *id == phase.id), "{start}");
            assert_eq!(rows(bench).await, "3", "compaction removed what is left");
            assert_eq!(stored(bench, &phase).await.log_blob, None);

            let (other, healthy) = new_run(bench, world).await;
            let healthy = end(bench, other, &healthy, b"healthy").await.1;
            assert_eq!(bench.store.compact_logs().await.unwrap().moved, 1, "a healthy log has to wait");
            assert!(stored(bench, &healthy).await.log_blob.is_some());
            bench
                .raw("DELETE FROM log_chunks; INSERT INTO log_chunks SELECT * FROM kept; DROP TABLE kept")
                .await
                .unwrap();
        }
        assert_eq!(bench.store.compact_logs().await.unwrap().moved, 1);
        assert_eq!(log(bench, &phase, 0, 100).await.unwrap(), b"\x02firstsecondthird\x03");
    })
    .await;
}

#[tokio::test]
async fn logs_that_cannot_be_moved_keep_no_others_waiting_and_are_named() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let mut broken = Vec::new();
        for _ in 0..25 {
            let (run, phase) = new_run(bench, world).await;
            broken.push(end(bench, run, &phase, b"broken").await.1.id);
        }
        bench.raw("DELETE FROM log_chunks").await.unwrap();
        let mut healthy = Vec::new();
        for _ in 0..25 {
            let (run, phase) = new_run(bench, world).await;
            healthy.push(end(bench, run, &phase, b"healthy").await.1);
        }
        let compacted = bench.store.compact_logs().await.unwrap();
        assert_eq!(compacted.moved, healthy.len());
        for phase in &healthy {
            assert!(stored(bench, phase).await.log_blob.is_some());
        }
        broken.sort();
        let failed: Vec<_> = compacted.failed.into_iter().map(|(id, _)| id).collect();
        assert_eq!(failed, broken);
    })
    .await;
}
