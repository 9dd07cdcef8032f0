//! Back to an earlier state: a copy of it, with the next serial, becomes the newest.

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::StateVersionId;
use terrane_domain::state_versions::{StateVersion, StateVersionStatus};
use terrane_store::Tx;

use super::{StateVersionView, output_ids, require_lock, view};
use crate::lookups::{self, WorkspaceKey};
use crate::state_documents::serial_span;
use crate::state_uploads::{announce, finalize, hold_current, store_state};
use crate::streams::{self, Body};
use crate::{App, AppError, AppResult, entropy};

/// The body with other bytes in the place of a part of it.
fn replaced(body: Body, part: Range<u64>, with: String) -> Body {
    let mut position = 0;
    let mut with = Some(Bytes::from(with));
    body.flat_map(move |piece| {
        let mut pieces = Vec::new();
        match piece {
            Err(error) => pieces.push(Err(error)),
            Ok(piece) => {
                let (start, end) = (position, position + piece.len() as u64);
                position = end;
                let at = |place: u64| usize::try_from(place.clamp(start, end) - start).unwrap_or(piece.len());
                pieces.push(Ok(piece.slice(..at(part.start))));
                if part.start < end {
                    pieces.extend(with.take().map(Ok));
                }
                pieces.push(Ok(piece.slice(at(part.end)..)));
            }
        }
        futures_util::stream::iter(pieces)
    })
    .boxed()
}

/// The state to go back to, and the serial that its copy gets.
async fn wanted(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    key: &WorkspaceKey,
    id: &StateVersionId,
) -> AppResult<(StateVersion, i64)> {
    let workspace = lookups::workspace(tx, caller, key, Action::WriteState).await?;
    let current = hold_current(tx, &workspace.id).await?;
    require_lock(tx, app, caller, &workspace.id).await?;
    let found = terrane_store::state_versions::by_id(tx, id)
        .await?
        .filter(|found| found.workspace_id == workspace.id && found.status == StateVersionStatus::Finalized);
    let found = found.ok_or_else(|| {
        let detail = "The workspace has no such finalized state version; list its state versions to choose one";
        AppError::invalid_relation("rollback-state-version", detail)
    })?;
    Ok((found, current.map_or(0, |current| current.serial) + 1))
}

/// Makes a copy of an earlier state the workspace's newest. The caller must hold the workspace's lock. The serial in the
/// bytes is the copy's too: who pulls it can write the next.
pub async fn rollback(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    id: StateVersionId,
) -> AppResult<StateVersionView> {
    let (server, actor, workspace_key, rollback_id) = (app.clone(), caller.clone(), key.clone(), id.clone());
    let (source, serial) = app
        .store
        .write(move |tx| Box::pin(async move { wanted(tx, &server, &actor, &workspace_key, &rollback_id).await }))
        .await?;
    let blob = source.blob.clone().ok_or(AppError::NotFound)?;
    let span = streams::read_blob(app.store.blob_reader(&blob).await?, |reader| serial_span(reader)).await?;
    let unreadable = |why: &str| {
        let detail = format!("This state cannot be rolled back to: {why}. Download it and push it with force instead");
        AppError::invalid_relation("rollback-state-version", detail)
    };
    let span = span.map_err(|error| unreadable(&error.to_string()))?.ok_or_else(|| unreadable("it has no serial"))?;
    let body = replaced(streams::body_of(app.store.blob_reader(&blob).await?), span, format!(": {serial}"));
    let (blob, document) = store_state(app, &source.organization_id, "rollback", body).await?;
    let document = match document {
        Ok(document) if document.is_encrypted() => {
            Err(unreadable("its client has encrypted it, with its serial inside"))
        }
        Ok(document) => Ok(document),
        Err(error) => Err(unreadable(&error)),
    };
    streams::remove_if_refused(app, &blob.key, &document).await;
    let (server, actor, copy, document) = (app.clone(), caller.clone(), blob.key.clone(), document?);
    let written = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (source, now) = wanted(tx, &server, &actor, &key, &id).await?;
                if now != serial {
                    return Err(AppError::Conflict(
                        "A newer state came while this one was copied; look at it, and roll back again if you still want to"
                            .to_owned(),
                    ));
                }
                let mut version = StateVersion {
                    id: StateVersionId::from_entropy(entropy()),
                    run_id: None,
                    created_by: actor.user_id().cloned(),
                    status: StateVersionStatus::Pending,
                    serial,
                    md5: blob.md5.clone(),
                    blob: None,
                    resources_processed: false,
                    rollback_of: Some(source.id.clone()),
                    created_at: tx.now(),
                    ..source
                };
                announce(tx, &version).await?;
                finalize(tx, &mut version, &blob, document, actor.actor()).await?;
                let outputs = output_ids(tx, &version.id).await?;
                Ok((version, outputs))
            })
        })
        .await;
    streams::remove_if_refused(app, &copy, &written).await;
    let (version, outputs) = written?;
    Ok(view(app, caller, version, outputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_is_replaced_however_the_bytes_come() {
        let text = b"{\"serial\": 17, \"x\": 1}";
        for size in 1..=text.len() {
            let pieces: Vec<_> = text.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let body = replaced(futures_util::stream::iter(pieces).boxed(), 9..13, ": 205".to_owned());
            let all: Vec<_> = body.map(Result::unwrap).collect().await;
            assert_eq!(all.concat(), b"{\"serial\": 205, \"x\": 1}", "in pieces of {size}");
        }
    }
}
