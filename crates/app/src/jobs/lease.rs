//! Keeps jobs for their runners, and admits applies.

use std::time::Duration;

use terrane_domain::access::Caller;
use terrane_domain::ids::JobId;
use terrane_domain::runner_protocol::{LEASE_SECONDS, Lease, Phase, RENEW_SECONDS, RefusalCode, StopRequest};
use terrane_store::Topic;

use super::{held, lease_lost, refused, require_runner};
use crate::{App, AppError, AppResult};

/// How often a held renewal looks for a wish to stop.
const WISH_LOOK: Duration = Duration::from_millis(500);

/// Admits an apply, once in its life, before its child starts. Asked again by the claim that was admitted, whose answer
/// was lost, it admits again.
pub async fn admit(app: &App, caller: &Caller, id: JobId, fence: i64) -> AppResult<()> {
    require_runner(caller)?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (job, _, _) = held(tx, &id, fence).await?;
                if job.phase != Phase::Apply || !terrane_store::jobs::admit(tx, &id, fence).await? {
                    let message = "this apply was admitted before; report how it ended, do not repeat it";
                    return Err(refused(RefusalCode::AlreadyAdmitted, message));
                }
                Ok(())
            })
        })
        .await
}

/// Extends the lease and tells what the run's people want, which is held until they want something or it is time for the
/// next renewal: a wish arrives within a second, and costs no write each second.
pub async fn renew(app: &App, caller: &Caller, id: JobId, fence: i64) -> AppResult<Lease> {
    require_runner(caller)?;
    let (renewed, deadline) = (id.clone(), tokio::time::Instant::now() + Duration::from_secs(RENEW_SECONDS));
    let (mut stop, run_id) = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (job, _, _) = held(tx, &renewed, fence).await?;
                let until = tx.now().plus(Duration::from_secs(LEASE_SECONDS));
                if terrane_store::jobs::renew(tx, &renewed, fence, until).await? {
                    Ok((job.stop, job.run_id))
                } else {
                    Err(lease_lost())
                }
            })
        })
        .await?;
    let waiter = app.store.waiter(Topic::Run(run_id.to_string()));
    while stop == StopRequest::None && tokio::time::Instant::now() < deadline {
        let notified = waiter.notified();
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(WISH_LOOK) => {}
            () = app.drained() => break,
        }
        let id = id.clone();
        stop = app
            .store
            .read(move |tx| Box::pin(async move { Ok::<_, AppError>(held(tx, &id, fence).await?.0.stop) }))
            .await?;
    }
    Ok(Lease { stop })
}
