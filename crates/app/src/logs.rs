//! Reading logs while they grow.

use std::time::Duration;

use bytes::Bytes;
use terrane_domain::runs::{Run, RunPhase};
use terrane_domain::time::Timestamp;
use terrane_store::Topic;

use crate::signed_urls::Grant;
use crate::{App, AppError, AppResult};

/// How long a reader at the end of a live log is held. Never after the end mark: clients read once more behind it.
const HOLD: Duration = Duration::from_secs(5);
/// How long after the end of its phase a log's address is good.
const AFTER_END: Duration = Duration::from_hours(1);
/// Most bytes in one answer.
pub const MAX_LIMIT: usize = 1 << 20;

async fn phase(app: &App, id: &str) -> AppResult<(Run, RunPhase)> {
    let id = id.to_owned();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let phase = terrane_store::runs::phase_by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let run = terrane_store::runs::by_id(tx, &phase.run_id).await?.ok_or(AppError::NotFound)?;
                Ok((run, phase))
            })
        })
        .await
}

/// When the phase ended, if it did.
fn ended_at(phase: &RunPhase) -> Option<Timestamp> {
    let key = format!("{}-at", phase.status);
    let text = phase.status_timestamps.get(&key)?.as_str()?;
    let moment: Timestamp = text.parse().ok()?;
    phase.status.is_final().then_some(moment)
}

/// Reads at the signed address of a log.
pub async fn read(app: &App, grant: &Grant, offset: u64, limit: usize) -> AppResult<Bytes> {
    let (_, found) = phase(app, &grant.resource).await?;
    if ended_at(&found).is_some_and(|ended| ended.plus(AFTER_END) < app.store.now()) {
        return Err(AppError::NotFound);
    }
    read_held(app, &grant.resource, offset, limit).await
}

/// Reads the log of a phase that the caller was allowed to see before; holds a reader at the end of a live log until
/// bytes come.
pub async fn read_held(app: &App, phase_id: &str, offset: u64, limit: usize) -> AppResult<Bytes> {
    let waiter = app.store.waiter(Topic::Log(phase_id.to_owned()));
    let deadline = tokio::time::Instant::now() + HOLD;
    loop {
        // Registered before the read: bytes that come in between wake it.
        let notified = waiter.notified();
        let (run, found) = phase(app, phase_id).await?;
        let length = u64::try_from(found.log_length).unwrap_or(0);
        if offset < length {
            let limit = limit.clamp(1, MAX_LIMIT);
            let bytes = app.store.read_log(&run.organization_id, &found, offset, limit).await?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
            // Compacted between the two reads: look again.
        } else if found.log_ended || found.status.is_final() {
            return Ok(Bytes::new());
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(Bytes::new());
        }
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = app.drained() => return Ok(Bytes::new()),
        }
    }
}

/// Whether a phase's log is complete, or will never have anything.
pub async fn has_ended(app: &App, phase_id: &str) -> AppResult<bool> {
    let (_, found) = phase(app, phase_id).await?;
    Ok(found.log_ended || found.status.is_final())
}
