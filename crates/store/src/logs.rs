//! Logs: sealed rows while a phase runs, one blob afterwards.

use bytes::Bytes;
use terrane_domain::ids::OrganizationId;
use terrane_domain::runs::RunPhase;

use crate::blobs::BlobKind;
use crate::error::StoreError;
use crate::sealing::Place;
use crate::statement::statements;
use crate::store::Store;
use crate::transaction::{Tx, values};
use crate::wake::Topic;

statements! {
    INSERT = "INSERT INTO log_chunks (phase_id, start, length, sealed) VALUES ($1, $2, $3, $4)";
    GROW = "UPDATE run_phases SET log_length = $3 WHERE id = $1 AND log_length = $2 AND log_ended = FALSE";
    END = "UPDATE run_phases SET log_length = $3, log_ended = TRUE WHERE id = $1 AND log_length = $2 AND log_ended = FALSE";
    RANGE = "SELECT start, sealed FROM log_chunks WHERE phase_id = $1 AND start + length > $2 AND start < $3 ORDER BY start";
    SET_BLOB = "UPDATE run_phases SET log_blob = $2 WHERE id = $1 AND log_blob IS NULL";
    DELETE = "DELETE FROM log_chunks WHERE phase_id = $1";
    UNCOMPACTED = "SELECT p.id FROM run_phases p WHERE p.log_ended = TRUE AND p.log_blob IS NULL AND p.log_length > 0 LIMIT 20";
    ORGANIZATION = "SELECT r.organization_id FROM runs r JOIN run_phases p ON p.run_id = r.id WHERE p.id = $1";
}

/// First byte of every log.
pub const STX: u8 = 0x02;
/// Last byte of a complete log.
pub const ETX: u8 = 0x03;

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
    phase.log_ended = ended;
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

/// At most `limit` bytes of a live log from `offset` on.
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
    for row in &rows {
        let start: i64 = crate::value::Col::get(row, 0)?;
        let sealed: Vec<u8> = crate::value::Col::get(row, 1)?;
        let clear = tx.open(organization_id, place(&format!("{phase_id} {start}")), &sealed).await?;
        let skip = usize::try_from(offset - start).unwrap_or(0).min(clear.len());
        bytes.extend_from_slice(&clear[skip..]);
    }
    bytes.truncate(limit);
    Ok(bytes)
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
        let bytes: Vec<u8> = self
            .read(move |tx| Box::pin(async move { read_live(tx, &organization_id, &phase_id, offset, limit).await }))
            .await?;
        Ok(bytes.into())
    }

    /// Moves the rows of ended logs into blobs. Answers how many logs it moved.
    pub async fn compact_logs(&self) -> Result<usize, StoreError> {
        let ids: Vec<String> = self
            .read(|tx| {
                Box::pin(async move {
                    let rows = tx.rows(&UNCOMPACTED, Vec::new()).await?;
                    let ids = rows.iter().map(|row| crate::value::Col::get(row, 0)).collect::<Result<_, _>>()?;
                    Ok::<_, StoreError>(ids)
                })
            })
            .await?;
        for id in &ids {
            self.compact_log(id.clone()).await?;
        }
        Ok(ids.len())
    }

    async fn compact_log(&self, phase_id: String) -> Result<(), StoreError> {
        let id = phase_id.clone();
        let organization_id: Option<OrganizationId> =
            self.read(move |tx| Box::pin(async move { tx.scalar(&ORGANIZATION, values![id]).await })).await?;
        let Some(organization_id) = organization_id else { return Ok(()) };
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
        self.write(move |tx| {
            Box::pin(async move {
                if tx.changed(&SET_BLOB, values![phase_id, blob.key]).await? {
                    tx.execute(&DELETE, values![phase_id]).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
