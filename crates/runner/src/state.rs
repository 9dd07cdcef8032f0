//! The state file while terraform applies. terraform rewrites it in place, so it is copied only when it parses and its serial
//! has risen; the last good copy is kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use terrane_domain::runner_protocol::Job;
use tokio::sync::watch;

use crate::spool::Spool;
use crate::{Runner, RunnerError};

const LOOK: Duration = Duration::from_secs(2);

/// The serial of a whole state; `None` for a torn or empty file.
pub(crate) fn serial(bytes: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Head {
        version: i64,
        serial: i64,
        // Present in every whole state; with it the file has been read to its end.
        #[serde(rename = "lineage")]
        _lineage: String,
    }
    let head: Head = serde_json::from_slice(bytes).ok()?;
    (head.version == 4).then_some(head.serial)
}

/// Watches one state file and sends what is new.
pub(crate) struct StateWatch {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<(), RunnerError>>,
}

impl StateWatch {
    pub(crate) fn start(runner: Arc<Runner>, job: Job, spool: Arc<Spool>, path: PathBuf) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let mut last = std::fs::read(&path).ok().and_then(|bytes| serial(&bytes));
        let task = tokio::spawn(async move {
            loop {
                let is_last = tokio::time::timeout(LOOK, stopped.wait_for(|stop| *stop)).await.is_ok();
                let bytes = tokio::fs::read(&path).await.unwrap_or_default();
                if let Some(serial) = serial(&bytes).filter(|serial| last.is_none_or(|last| *serial > last)) {
                    let (kept, copy) = (spool.clone(), bytes.clone());
                    tokio::task::spawn_blocking(move || kept.put("state", &copy))
                        .await
                        .unwrap_or(Err(RunnerError::LeaseLost))?;
                    runner.client.put(&job, "state", Bytes::from(bytes)).await?;
                    last = Some(serial);
                }
                if is_last {
                    return Ok(());
                }
            }
        });
        Self { stop, task }
    }

    /// Looks once more and waits until everything has arrived.
    pub(crate) async fn finish(self) -> Result<(), RunnerError> {
        let _ = self.stop.send(true);
        self.task.await.unwrap_or(Err(RunnerError::LeaseLost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_or_empty_file_is_no_state() {
        let whole =
            br#"{"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"l","outputs":{},"resources":[]}"#;
        assert_eq!(serial(whole), Some(7));
        for length in 0..whole.len() {
            assert_eq!(serial(&whole[..length]), None, "cut at {length}");
        }
    }
}
