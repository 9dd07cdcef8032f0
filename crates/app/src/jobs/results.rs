//! What a job's runner sends: log, documents, states.

use bytes::Bytes;
use terrane_domain::access::Caller;
use terrane_domain::ids::{JobId, StateVersionId};
use terrane_domain::runner_protocol::{LogPosition, Refusal, RefusalCode};
use terrane_domain::state_versions::{NewState, StateVersion, is_stored, may_follow};
use terrane_store::BlobKind;
use terrane_store::runs::PlanDocument;

use super::{held, lease_lost, refused, require_runner};
use crate::streams::{Body, receive, remove_if_refused, remove_unless_named};
use crate::{App, AppError, AppResult, entropy, state_uploads};

const MAX_DOCUMENT_BYTES: u64 = 1 << 30;

/// Stores a piece of log. Bytes that are stored already are taken again without effect; a gap is refused.
pub async fn append_log(
    app: &App,
    caller: &Caller,
    id: JobId,
    fence: i64,
    offset: u64,
    bytes: Bytes,
) -> AppResult<LogPosition> {
    require_runner(caller)?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (job, _, mut phase) = held(tx, &id, fence).await?;
                let stored = u64::try_from(phase.log_length).unwrap_or(0);
                let end = offset + bytes.len() as u64;
                if offset > stored {
                    return Err(AppError::Refused(Refusal {
                        code: RefusalCode::LogGap,
                        message: format!("the log has {stored} bytes; send from there"),
                        offset: Some(stored),
                    }));
                }
                if end > stored {
                    let known = usize::try_from(stored - offset).unwrap_or(0);
                    if !terrane_store::logs::append(tx, &job.organization_id, &mut phase, &bytes[known..]).await? {
                        return Err(lease_lost());
                    }
                }
                Ok(LogPosition { offset: stored.max(end) })
            })
        })
        .await
}

/// Stores a plan's document.
pub async fn put_plan_document(
    app: &App,
    caller: &Caller,
    id: JobId,
    fence: i64,
    document: PlanDocument,
    body: Body,
) -> AppResult<()> {
    require_runner(caller)?;
    let wanted = id.clone();
    let (run, plan_id) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let (_, run, phase) = held(tx, &wanted, fence).await?;
                Ok::<_, AppError>((run, phase.id))
            })
        })
        .await?;
    let kind = match document {
        PlanDocument::Plan => BlobKind::Plan,
        PlanDocument::Json => BlobKind::JsonPlan,
        PlanDocument::Redacted => BlobKind::RedactedPlan,
    };
    let writer = app.store.blob_writer(&run.organization_id, kind, &plan_id).await?;
    let (blob, ()) = receive(body, writer, MAX_DOCUMENT_BYTES, |_| ()).await?;
    let key = blob.key.clone();
    let written = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
                let (_, _, phase) = held(tx, &id, fence).await?;
                let replaced = match document {
                    PlanDocument::Plan => phase.plan_blob,
                    PlanDocument::Json => phase.json_blob,
                    PlanDocument::Redacted => phase.redacted_blob,
                };
                terrane_store::runs::set_plan_document(tx, &phase.id, document, &blob.key).await?;
                Ok::<_, AppError>(replaced)
            })
        })
        .await;
    remove_if_refused(app, &key, &written).await;
    if let Some(replaced) = written? {
        app.store.remove_blob(&replaced).await?;
    }
    Ok(())
}

/// Stores a state that the run wrote. What is stored already has no effect; the same serial with other bytes is refused.
pub async fn put_state(app: &App, caller: &Caller, id: JobId, fence: i64, body: Body) -> AppResult<()> {
    require_runner(caller)?;
    let wanted = id.clone();
    let run =
        app.store.read(move |tx| Box::pin(async move { Ok::<_, AppError>(held(tx, &wanted, fence).await?.1) })).await?;
    let (blob, document) = state_uploads::store_state(app, &run.organization_id, run.id.as_str(), body).await?;
    let key = blob.key.clone();
    let document = document.map_err(|error| AppError::BadRequest(format!("the state cannot be read: {error}")));
    remove_if_refused(app, &key, &document).await;
    let document = document?;
    let stored = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let current = state_uploads::hold_current(tx, &run.workspace_id).await?;
                held(tx, &id, fence).await?;
                let new =
                    NewState { serial: document.serial, lineage: &document.lineage, md5: &blob.md5, force: false };
                if is_stored(current.as_ref(), &run.id, &new) {
                    return Ok(false);
                }
                may_follow(current.as_ref(), &new)
                    .map_err(|conflict| refused(RefusalCode::StateConflict, &conflict.to_string()))?;
                let (organization_id, workspace_id) = (run.organization_id.clone(), run.workspace_id.clone());
                let id = StateVersionId::from_entropy(entropy());
                let mut version = StateVersion {
                    run_id: Some(run.id.clone()),
                    created_by: run.created_by.clone(),
                    ..StateVersion::announced(id, organization_id, workspace_id, &new, tx.now())
                };
                terrane_store::state_versions::insert(tx, &version).await?;
                state_uploads::finalize(tx, &mut version, &blob, &document, format!("run {}", run.id)).await?;
                Ok::<_, AppError>(true)
            })
        })
        .await;
    remove_unless_named(app, &key, stored).await
}
