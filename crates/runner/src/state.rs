//! The state file while terraform applies. terraform rewrites it in place, so it is copied only when it parses and its serial
//! has risen; the last good copy is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::Job;
use terrane_domain::state_versions::MAX_STATE_BYTES;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::spool::{STATE, Spool};
use crate::{Runner, RunnerError, folder};

const LOOK: Duration = Duration::from_secs(2);

fn unreadable(error: &std::io::Error) -> RunnerError {
    RunnerError::job(
        ReasonCode::ApplyFailed,
        format!(
            "The state that the apply left cannot be read: {error}. The workspace keeps the last one that could; compare it with the real resources before the next run."
        ),
    )
}

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

/// The serial of the state that an apply begins with, if there is one; an error if what it leaves could not be read back.
pub(crate) fn first_serial(root: &Path, path: &Path, limit: u64) -> Result<Option<i64>, RunnerError> {
    match folder::read_inside(root, path, limit) {
        Ok(bytes) => Ok(serial(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunnerError::job(
            ReasonCode::ApplyFailed,
            format!("The workspace's state cannot be read: {error}. Nothing was changed."),
        )),
    }
}

/// Watches one state file, spools what is new and sends it.
pub(crate) struct StateWatch {
    stop: watch::Sender<bool>,
    watching: JoinHandle<Result<(), RunnerError>>,
    sending: JoinHandle<Result<(), RunnerError>>,
}

impl StateWatch {
    /// `path` lies inside of `root`, where the run may have put anything. What is not newer than `last` is known.
    pub(crate) fn start(
        runner: Arc<Runner>,
        job: Job,
        spool: Arc<Spool>,
        (root, path): (PathBuf, PathBuf),
        last: Option<i64>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (newest, arrivals) = watch::channel(None);
        let watching = tokio::spawn(watch_file(spool, root, path, last, stopped, newest));
        let sending = tokio::spawn(send_newest(runner, job, arrivals));
        Self { stop, watching, sending }
    }

    /// Looks once more and waits until everything is spooled. What is answered ends when it has arrived, too.
    pub(crate) async fn finish(self) -> (Result<(), RunnerError>, JoinHandle<Result<(), RunnerError>>) {
        let _ = self.stop.send(true);
        (RunnerError::of_task(self.watching).await, self.sending)
    }
}

async fn watch_file(
    spool: Arc<Spool>,
    root: PathBuf,
    path: PathBuf,
    mut last: Option<i64>,
    mut stopped: watch::Receiver<bool>,
    newest: watch::Sender<Option<Bytes>>,
) -> Result<(), RunnerError> {
    let mut failure = None;
    loop {
        let is_last = tokio::time::timeout(LOOK, stopped.wait_for(|stop| *stop)).await.is_ok();
        let (spool, root, path) = (spool.clone(), root.clone(), path.clone());
        let look = move || {
            let bytes = match folder::read_inside(&root, &path, MAX_STATE_BYTES) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let risen = serial(&bytes).filter(|serial| last.is_none_or(|last| *serial > last));
            Ok(risen.map(|serial| (serial, spool.put(STATE, &bytes), Bytes::from(bytes))))
        };
        match tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(Some((serial, spooled, bytes))) => {
                last = Some(serial);
                // A spool that failed does not keep the state from the server.
                failure = spooled.err();
                newest.send_replace(Some(bytes));
            }
            Err(error) if is_last => failure = Some(unreadable(&error)),
            // It may be well again before the end.
            Ok(None) | Err(_) => {}
        }
        if is_last {
            return failure.map_or(Ok(()), Err);
        }
    }
}

async fn send_newest(
    runner: Arc<Runner>,
    job: Job,
    mut arrivals: watch::Receiver<Option<Bytes>>,
) -> Result<(), RunnerError> {
    while arrivals.changed().await.is_ok() {
        let newest = arrivals.borrow_and_update().clone();
        if let Some(bytes) = newest {
            runner.client.put(&job.id, job.fence, "state", bytes).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_could_not_be_read_back_is_not_applied() {
        let folder = tempfile::tempdir().unwrap();
        let (root, path) = (folder.path(), folder.path().join("terraform.tfstate"));
        assert_eq!(first_serial(root, &path, 4).unwrap(), None);
        let state = r#"{"version":4,"serial":7,"lineage":"l"}"#;
        std::fs::write(&path, state).unwrap();
        assert_eq!(first_serial(root, &path, state.len() as u64).unwrap(), Some(7));
        let message = first_serial(root, &path, state.len() as u64 - 1).unwrap_err().to_string();
        assert!(message.contains("longer than") && message.ends_with("Nothing was changed."), "{message}");
    }

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
