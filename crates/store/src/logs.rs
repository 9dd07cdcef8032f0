//! Logs: sealed rows while a phase runs, one blob afterwards.

use bytes::Bytes;
use terrane_domain::ids::{OrganizationId, WorkspaceId};
use terrane_domain::runner_protocol::{ETX, STX};
use terrane_domain::runs::RunPhase;

use crate::blobs::BlobKind;
use crate::error::StoreError;
use crate::sealing::Place;
use crate::statement::statements;
use crate::store::Store;
use crate::transaction::{Tx, values};
use crate::value::Col;
use crate::wake::Topic;

statements! {
    INSERT = "INSERT INTO log_chunks (phase_id, start, length, sealed) VALUES ($1, $2, $3, $4)";
    GROW = "UPDATE run_phases SET log_length = $3 WHERE id = $1 AND log_length = $2 AND log_ended = FALSE";
    END = "UPDATE run_phases SET log_length = $3, log_ended = TRUE WHERE id = $1 AND log_length = $2 AND log_ended = FALSE";
    // From the row in which the offset lies, which the key finds: a look at all rows before it would make a long log's
    // reader slower with each row.
    RANGE = "SELECT start, sealed FROM log_chunks WHERE phase_id = $1 AND start >= COALESCE((SELECT MAX(start) FROM log_chunks WHERE phase_id = $1 AND start <= $2), 0) AND start + length > $2 AND start < $3 ORDER BY start";
    SET_BLOB = "UPDATE run_phases SET log_blob = $2 WHERE id = $1 AND log_blob IS NULL AND log_ended = TRUE AND log_length = $3";
    DELETE = "DELETE FROM log_chunks WHERE phase_id = $1";
    UNCOMPACTED = "SELECT p.id FROM run_phases p WHERE p.log_ended = TRUE AND p.log_blob IS NULL AND p.log_length > 0 AND p.id > $1 ORDER BY p.id LIMIT 20";
    PLACE_OF_LOG = "SELECT log_length, log_blob FROM run_phases WHERE id = $1";
    PLACE_OF_PHASE = "SELECT r.organization_id, r.workspace_id FROM runs r JOIN run_phases p ON p.run_id = r.id WHERE p.id = $1";
}

fn place(chunk: &str) -> Place<'_> {
    Place { table: "log_chunks", id: chunk, column: "sealed" }
}

/// Adds bytes at the end of a live log. `phase` is updated.
pub async fn append(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    phase: &mut RunPhase,
    bytes: &[u8],
) -> Result<bool, StoreError> {
    if bytes.is_empty() {
        return Ok(true);
    }
    insert(tx, organization_id, phase, bytes, &GROW).await
}

/// Adds the last bytes and the end mark; a log that never began gets its start mark too. `phase` is updated.
pub async fn end(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    phase: &mut RunPhase,
    last: &[u8],
) -> Result<bool, StoreError> {
    let mut bytes = Vec::with_capacity(last.len() + 2);
    if phase.log_length == 0 {
        bytes.push(STX);
    }
    bytes.extend_from_slice(last);
    bytes.push(ETX);
    let ended = insert(tx, organization_id, phase, &bytes, &END).await?;
    phase.log_ended |= ended;
    Ok(ended)
}

async fn insert(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    phase: &mut RunPhase,
    bytes: &[u8],
    grow: &'static crate::statement::Statement,
) -> Result<bool, StoreError> {
    let start = phase.log_length;
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if !tx.changed(grow, values![phase.id, start, start + length]).await? {
        return Ok(false);
    }
    let sealed = tx.seal(organization_id, place(&format!("{} {start}", phase.id)), bytes).await?;
    tx.execute(&INSERT, values![phase.id, start, length, sealed]).await?;
    phase.log_length = start + length;
    tx.wake(Topic::Log(phase.id.clone()));
    Ok(true)
}

/// At most `limit` bytes of a live log from `offset` on. A gap is an error: no byte is ever shown in another's place.
pub async fn read_live(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    phase_id: &str,
    offset: i64,
    limit: usize,
) -> Result<Vec<u8>, StoreError> {
    let until = offset.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = tx.rows(&RANGE, values![phase_id.to_owned(), offset, until]).await?;
    let mut bytes = Vec::new();
    let mut next = offset;
    for row in &rows {
        let start: i64 = Col::get(row, 0)?;
        let sealed: Vec<u8> = Col::get(row, 1)?;
        let clear = tx.open(organization_id, place(&format!("{phase_id} {start}")), &sealed).await?;
        let fresh = usize::try_from(next - start).ok().and_then(|skip| clear.get(skip..));
        bytes.extend_from_slice(fresh.ok_or(StoreError::Sealed("log_chunks"))?);
        next = start + i64::try_from(clear.len()).unwrap_or(i64::MAX);
    }
    bytes.truncate(limit);
    Ok(bytes)
}

/// What one round of compaction did.
#[derive(Debug, Default)]
#[must_use]
pub struct Compacted {
    /// How many logs it moved.
    pub moved: usize,
    /// The phases whose logs could not be moved, and why.
    pub failed: Vec<(String, StoreError)>,
}

impl Store {
    /// At most `limit` bytes of a log from `offset` on, wherever it lies.
    pub async fn read_log(
        &self,
        organization_id: &OrganizationId,
        phase: &RunPhase,
        offset: u64,
        limit: usize,
    ) -> Result<Bytes, StoreError> {
        if let Some(blob) = &phase.log_blob {
            return self.blob_reader(blob).await?.range(offset, limit).await;
        }
        let (organization_id, phase_id) = (organization_id.clone(), phase.id.clone());
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let (bytes, blob) = self
            .read(move |tx| {
                Box::pin(async move {
                    let bytes = read_live(tx, &organization_id, &phase_id, offset, limit).await?;
                    let is_gone = bytes.is_empty() && limit > 0;
                    let blob = if is_gone { moved_to(tx, &phase_id, offset).await? } else { None };
                    Ok::<_, StoreError>((bytes, blob))
                })
            })
            .await?;
        match blob {
            Some(blob) => self.blob_reader(&blob).await?.range(u64::try_from(offset).unwrap_or(0), limit).await,
            None => Ok(bytes.into()),
        }
    }

    /// Moves the rows of ended logs into blobs, of each that there is; one that cannot be moved keeps no other waiting.
    pub async fn compact_logs(&self) -> Result<Compacted, StoreError> {
        let mut compacted = Compacted::default();
        let mut last = String::new();
        loop {
            let ids = self.uncompacted(last).await?;
            let Some(end) = ids.last() else { return Ok(compacted) };
            last = end.clone();
            for id in ids {
                match self.compact_log(id.clone()).await {
                    Ok(is_moved) => compacted.moved += usize::from(is_moved),
                    // Of these none is the log's.
                    Err(error @ (StoreError::Closed | StoreError::Database(_))) => return Err(error),
                    Err(error) => compacted.failed.push((id, error)),
                }
            }
        }
    }

    /// Some of the phases with ended logs that lie in rows, in the order of their ids, behind `last`.
    async fn uncompacted(&self, last: String) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            Box::pin(async move {
                let rows = tx.rows(&UNCOMPACTED, values![last]).await?;
                rows.iter().map(|row| Col::get(row, 0)).collect()
            })
        })
        .await
    }

    async fn compact_log(&self, phase_id: String) -> Result<bool, StoreError> {
        let id = phase_id.clone();
        let rows = self.read(move |tx| Box::pin(async move { tx.rows(&PLACE_OF_PHASE, values![id]).await })).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let (organization_id, workspace_id): (OrganizationId, WorkspaceId) = (Col::get(row, 0)?, Col::get(row, 1)?);
        let mut writer = self.blob_writer(&organization_id, BlobKind::Log, &phase_id).await?;
        loop {
            let (organization_id, phase_id) = (organization_id.clone(), phase_id.clone());
            let offset = i64::try_from(writer.size()).unwrap_or(i64::MAX);
            let bytes: Vec<u8> = self
                .read(move |tx| {
                    Box::pin(async move { read_live(tx, &organization_id, &phase_id, offset, 1 << 20).await })
                })
                .await?;
            if bytes.is_empty() {
                break;
            }
            writer.write(&bytes).await?;
        }
        let blob = writer.finish().await?;
        let key = blob.key.clone();
        let is_moved = self
            .write(move |tx| {
                Box::pin(async move {
                    let length = i64::try_from(blob.size).unwrap_or(i64::MAX);
                    // Before its log, in the order in which a deletion takes them.
                    crate::workspaces::hold(tx, &workspace_id).await?;
                    let is_moved = tx.changed(&SET_BLOB, values![phase_id, key, length]).await?;
                    if is_moved {
                        tx.execute(&DELETE, values![phase_id]).await?;
                        return Ok(true);
                    }
                    moved_to(tx, &phase_id, length).await.map(|_| false)
                })
            })
            .await;
        if matches!(is_moved, Ok(false) | Err(StoreError::Sealed(_))) {
            self.remove_blob(&blob.key).await?;
        }
        is_moved
    }
}

/// Where a log lies that has bytes at `offset` but no rows there any more.
async fn moved_to(tx: &mut Tx, phase_id: &str, offset: i64) -> Result<Option<String>, StoreError> {
    let rows = tx.rows(&PLACE_OF_LOG, values![phase_id.to_owned()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let length: i64 = Col::get(row, 0)?;
    let blob: Option<String> = Col::get(row, 1)?;
    if blob.is_none() && offset < length {
        return Err(StoreError::Sealed("log_chunks"));
    }
    Ok(blob)
}
