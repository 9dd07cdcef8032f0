//! The log of a phase on its way to the server: spooled durably, then sent, in pieces of at most 64 KiB.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use terrane_domain::runner_protocol::{Job, LOG_CHUNK_BYTES};
use tokio::sync::mpsc;

use crate::spool::Spool;
use crate::{Runner, RunnerError};

/// First byte of every log.
const STX: &[u8] = &[0x02];
/// Lines that come together within this time travel together.
const GATHER: Duration = Duration::from_millis(15);
/// Longest log; the rest is cut off with a word about it.
const MAX_BYTES: u64 = 50 << 20;

/// A log that is being written.
pub(crate) struct Log {
    pieces: mpsc::Sender<Bytes>,
    task: tokio::task::JoinHandle<Result<u64, RunnerError>>,
    written: AtomicU64,
}

impl Log {
    /// Begins the log where the server's copy ends: an earlier attempt's lines stay.
    pub(crate) async fn begin(runner: Arc<Runner>, job: &Job, spool: Arc<Spool>) -> Self {
        let (pieces, receiver) = mpsc::channel(64);
        let task = tokio::spawn(send(runner, job.clone(), spool, receiver));
        let log = Self { pieces, task, written: AtomicU64::new(0) };
        if job.log_offset == 0 {
            log.write(Bytes::from_static(STX)).await;
        }
        log
    }

    /// Adds bytes; more than the limit is left out.
    pub(crate) async fn write(&self, bytes: Bytes) {
        let before = self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before > MAX_BYTES {
            return;
        }
        let bytes = if before + bytes.len() as u64 > MAX_BYTES {
            Bytes::from_static(b"\n(The log is longer than 50 MiB; the rest is left out.)\n")
        } else {
            bytes
        };
        // A sender that has failed tells so at the end.
        let _ = self.pieces.send(bytes).await;
    }

    pub(crate) async fn line(&self, text: &str) {
        self.write(Bytes::from(format!("{text}\n"))).await;
    }

    /// Waits until everything has arrived; answers the log's length.
    pub(crate) async fn close(self) -> Result<u64, RunnerError> {
        drop(self.pieces);
        self.task.await.unwrap_or(Err(RunnerError::LeaseLost))
    }
}

async fn send(
    runner: Arc<Runner>,
    job: Job,
    spool: Arc<Spool>,
    mut pieces: mpsc::Receiver<Bytes>,
) -> Result<u64, RunnerError> {
    let mut offset = job.log_offset;
    let mut rest = BytesMut::new();
    loop {
        if rest.is_empty() {
            match pieces.recv().await {
                Some(piece) => rest.extend_from_slice(&piece),
                None => return Ok(offset),
            }
            let until = tokio::time::Instant::now() + GATHER;
            while rest.len() < LOG_CHUNK_BYTES {
                match tokio::time::timeout_at(until, pieces.recv()).await {
                    Ok(Some(piece)) => rest.extend_from_slice(&piece),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        let piece = rest.split_to(rest.len().min(LOG_CHUNK_BYTES)).freeze();
        let (kept, copy) = (spool.clone(), piece.clone());
        tokio::task::spawn_blocking(move || kept.log_writer()?.append(offset, &copy))
            .await
            .unwrap_or(Err(RunnerError::LeaseLost))?;
        offset = runner.client.append_log(&job.id, job.fence, offset, piece).await?;
    }
}
