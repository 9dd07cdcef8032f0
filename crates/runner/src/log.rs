//! The log of a phase on its way to the server: spooled durably first, then sent from the spool, so that a server that is
//! away holds up neither terraform nor the spool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use terrane_domain::ids::JobId;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ETX, Job, LOG_CHUNK_BYTES, RefusalCode, STX};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::log_limit::LogLimit;
use crate::masking::Masker;
use crate::spool::{LogReader, Spool};
use crate::{Runner, RunnerError};

/// Lines that come together within this time travel together.
const GATHER: Duration = Duration::from_millis(15);
/// A log that is being written.
pub(crate) struct Log {
    pieces: mpsc::Sender<Bytes>,
    spooling: JoinHandle<Result<u64, RunnerError>>,
    sending: JoinHandle<Result<u64, RunnerError>>,
    filter: Mutex<Filter>,
}

/// What every byte of a log passes before it is kept anywhere.
struct Filter {
    masker: Masker,
    limit: LogLimit,
}

impl Filter {
    /// Marks would end the log for its readers.
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let is_mark = |byte: &u8| matches!(*byte, STX | ETX);
        let masked = if bytes.iter().any(is_mark) {
            let clean: Vec<u8> = bytes.iter().map(|byte| if is_mark(byte) { b'?' } else { *byte }).collect();
            self.masker.take(&clean)
        } else {
            self.masker.take(bytes)
        };
        self.limit.take(masked)
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut rest = self.limit.take(self.masker.finish());
        rest.extend(self.limit.finish());
        rest
    }
}

/// A log that nothing more is added to.
pub(crate) struct ClosedLog {
    /// Its length, unless the spool failed.
    pub(crate) length: Result<u64, RunnerError>,
    /// Ends when everything that was spooled has arrived, with its length.
    pub(crate) sending: JoinHandle<Result<u64, RunnerError>>,
}

impl Log {
    /// Begins the log where the server's copy ends: an earlier attempt's lines stay.
    pub(crate) async fn begin(runner: Arc<Runner>, job: &Job, spool: Arc<Spool>) -> Self {
        let (pieces, receiver) = mpsc::channel(64);
        let (grown, growth) = watch::channel(());
        let offset = job.log_offset;
        let limit = LogLimit::new(runner.config.limits.log_bytes, offset, job.log_format);
        let filter = Mutex::new(Filter { masker: Masker::new(job), limit });
        let spooling = tokio::spawn(spool_all(spool.clone(), offset, receiver, grown));
        let sending = tokio::spawn(send_all(runner, job.clone(), spool, growth));
        let log = Self { pieces, spooling, sending, filter };
        if offset == 0 {
            log.push(vec![STX]).await;
        } else {
            log.line("\nThe runner was lost before this had a result; it begins again.").await;
        }
        log
    }

    /// Adds bytes, masked; what is beyond the limit is left out.
    pub(crate) async fn write(&self, bytes: &[u8]) {
        let told = self.filter.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
        self.push(told).await;
    }

    /// Hands on in small pieces: who floods the log waits until it is spooled.
    async fn push(&self, bytes: Vec<u8>) {
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            // A spool that has failed tells so at the end.
            let _ = self.pieces.send(bytes.split_to(bytes.len().min(LOG_CHUNK_BYTES))).await;
        }
    }

    pub(crate) async fn line(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes()).await;
    }

    /// Waits until everything is spooled.
    pub(crate) async fn close(self) -> ClosedLog {
        let rest = self.filter.lock().unwrap_or_else(PoisonError::into_inner).finish();
        self.push(rest).await;
        drop(self.pieces);
        let length = RunnerError::of_task(self.spooling).await;
        ClosedLog { length, sending: self.sending }
    }
}

async fn spool_all(
    spool: Arc<Spool>,
    mut offset: u64,
    mut pieces: mpsc::Receiver<Bytes>,
    grown: watch::Sender<()>,
) -> Result<u64, RunnerError> {
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
        let (end, kept) = (offset + piece.len() as u64, spool.clone());
        RunnerError::of_task(tokio::task::spawn_blocking(move || kept.log_writer()?.append(offset, &piece))).await?;
        offset = end;
        grown.send_replace(());
    }
}

async fn send_all(
    runner: Arc<Runner>,
    job: Job,
    spool: Arc<Spool>,
    mut growth: watch::Receiver<()>,
) -> Result<u64, RunnerError> {
    let mut delivery = Delivery::from(&runner.client, &job, &spool, job.log_offset);
    loop {
        let is_over = growth.changed().await.is_err();
        delivery.send_all().await?;
        if is_over {
            return Ok(delivery.sent);
        }
    }
}

/// A spooled log on its way to the server.
pub(crate) struct Delivery<'a> {
    client: &'a Client,
    job: &'a JobId,
    fence: i64,
    spool: &'a Spool,
    reader: LogReader<'a>,
    /// Where the next byte goes.
    pub(crate) sent: u64,
}

impl<'a> Delivery<'a> {
    /// What the server has up to `sent` is not sent.
    pub(crate) fn from(client: &'a Client, job: &'a Job, spool: &'a Spool, sent: u64) -> Self {
        Self { client, job: &job.id, fence: job.fence, spool, reader: spool.log_reader(), sent }
    }

    /// Sends what is in the spool now.
    pub(crate) async fn send_all(&mut self) -> Result<(), RunnerError> {
        while let Some((offset, bytes)) = self.reader.next(LOG_CHUNK_BYTES) {
            let Some(known) = self.sent.checked_sub(offset) else {
                return Err(RunnerError::job(ReasonCode::Internal, "The spool of the log has a gap."));
            };
            let bytes = Bytes::from(bytes);
            let Some(known) = usize::try_from(known).ok().filter(|known| *known < bytes.len()) else { continue };
            match self.client.append_log(self.job, self.fence, self.sent, bytes.slice(known..)).await {
                Ok(end) => self.sent = end,
                Err(RunnerError::Refused(refusal)) if refusal.code == RefusalCode::LogGap => {
                    match refusal.offset.filter(|stored| *stored < self.sent) {
                        // It has less than it said before: once more from there.
                        Some(stored) => (self.sent, self.reader) = (stored, self.spool.log_reader()),
                        None => return Err(RunnerError::Refused(refusal)),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake;

    #[tokio::test]
    async fn a_server_that_lost_a_part_of_the_log_gets_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::for_tests(folder.path());
        let mut writer = spool.log_writer().unwrap();
        let gap = r#"{"code":"log-gap","message":"the log has 2 bytes","offset":2}"#;
        let answer = |status, text: &str| fake::answer(status, text, text.len());
        let ok = |offset| answer("200 OK", &format!("{{\"offset\":{offset}}}"));
        let (client, calls) = fake::server(vec![ok(3), answer("409 Conflict", gap), ok(6)]).await;
        let job = JobId::from_entropy(1);
        let reader = spool.log_reader();
        let mut delivery = Delivery { client: &client, job: &job, fence: 7, spool: &spool, reader, sent: 0 };
        writer.append(0, b"abc").unwrap();
        delivery.send_all().await.unwrap();
        writer.append(3, b"def").unwrap();
        delivery.send_all().await.unwrap();
        assert_eq!(delivery.sent, 6);
        let offsets = calls.await.unwrap();
        let offset = |call: &String| call.split("offset=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        assert_eq!(offsets.iter().map(offset).collect::<Option<Vec<u64>>>(), Some(vec![0, 3, 2]));
    }
}
