//! What people do to runs. Source: `api-docs/run.mdx`, "Apply a Run" and those after it.

use std::time::Duration;

use serde_json::json;
use terrane_domain::access::{Action, Authorized, Caller};
use terrane_domain::ids::RunId;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::StopRequest;
use terrane_domain::runs::{Run, RunStatus};
use terrane_domain::workspaces::LockHolder;
use terrane_store::Tx;
use terrane_store::runs::RunChange;

use crate::{App, AppError, AppResult, comments, lookups, queue, run_events};

/// How long a runner has to say that it has ended a child by force. After it the run ends without its word.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// What people do to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    /// Confirm its plan, so that it is applied.
    Confirm,
    /// Throw it away.
    Discard,
    /// Stop it in order.
    Cancel,
    /// Stop it at once, after it did not stop in order.
    ForceCancel,
    /// Throw away what holds the workspace and what waits before it.
    ForceExecute,
}

impl RunAction {
    /// The right that it needs.
    pub const fn right(self) -> Action {
        match self {
            Self::Confirm | Self::Discard | Self::Cancel | Self::ForceExecute => Action::ApplyRun,
            Self::ForceCancel => Action::ForceCancelRun,
        }
    }

    const fn entry(self) -> RunEventAction {
        match self {
            Self::Confirm => RunEventAction::Confirmed,
            Self::Discard => RunEventAction::Discarded,
            Self::Cancel => RunEventAction::Canceled,
            Self::ForceCancel => RunEventAction::ForceCanceled,
            Self::ForceExecute => RunEventAction::ForceExecuted,
        }
    }

    /// Its name in the audit trail.
    const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "run.confirm",
            Self::Discard => "run.discard",
            Self::Cancel => "run.cancel",
            Self::ForceCancel => "run.force-cancel",
            Self::ForceExecute => "run.force-execute",
        }
    }
}

/// Does something to a run, and keeps what was said with it.
pub async fn act(app: &App, caller: &Caller, id: RunId, action: RunAction, comment: Option<String>) -> AppResult<()> {
    let (caller, cool_off) = (caller.clone(), app.force_cancel_cool_off);
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let run = lookups::run_of_held_workspace(tx, &caller, &id, action.right()).await?;
                let comment = comments::keep_if_said(tx, &run, comment).await?;
                run_events::note(tx, &caller, &run, (action.entry(), action.name()), comment, json!({})).await?;
                match action {
                    RunAction::Confirm => confirm(tx, &caller, run).await,
                    RunAction::Discard => discard(tx, run).await,
                    RunAction::Cancel => cancel(tx, run).await,
                    RunAction::ForceCancel => force_cancel(tx, run, cool_off).await,
                    RunAction::ForceExecute => force_execute(tx, run).await,
                }
            })
        })
        .await
}

fn not_now(run: &Run, wanted: &str) -> AppError {
    AppError::Conflict(format!("transition not allowed: the run is {}, so it cannot be {wanted}", run.status))
}

async fn confirm(tx: &mut Tx, caller: &Caller, run: Authorized<Run>) -> AppResult<()> {
    let mut run = run.into_inner();
    if !run.status.is_confirmable() {
        return Err(not_now(&run, "applied"));
    }
    if run.status == RunStatus::PlannedAndSaved && !queue::take_workspace(tx, &run).await? {
        let detail = "transition not allowed: the workspace is locked; unlock it, or wait for its run to end";
        return Err(AppError::Conflict(detail.to_owned()));
    }
    let change = RunChange { confirmed_by: caller.user_id().cloned(), ..RunChange::default() };
    let asked = run.clone();
    if !queue::confirm(tx, &mut run, change).await? {
        return Err(not_now(&asked, "applied"));
    }
    Ok(())
}

async fn discard(tx: &mut Tx, run: Authorized<Run>) -> AppResult<()> {
    let mut run = run.into_inner();
    if !run.status.is_discardable() {
        return Err(not_now(&run, "discarded"));
    }
    let asked = run.clone();
    let change = RunChange { reason: Some((ReasonCode::Discarded, None)), ..RunChange::default() };
    if !queue::end(tx, &mut run, RunStatus::Discarded, change).await? {
        return Err(not_now(&asked, "discarded"));
    }
    Ok(())
}

async fn cancel(tx: &mut Tx, run: Authorized<Run>) -> AppResult<()> {
    let mut run = run.into_inner();
    if !run.status.is_cancelable() {
        return Err(not_now(&run, "canceled"));
    }
    let is_waiting = run.status == RunStatus::Pending || terrane_store::jobs::drop_queued(tx, &run.id).await?;
    let change = RunChange { reason: Some((ReasonCode::Canceled, None)), canceled: true, ..RunChange::default() };
    if is_waiting {
        let asked = run.clone();
        if !queue::end(tx, &mut run, RunStatus::Canceled, change).await? {
            return Err(not_now(&asked, "canceled"));
        }
        return Ok(());
    }
    // A child is at work: it gets a SIGINT and time to save its state, and then reports how it ended.
    terrane_store::jobs::request_stop(tx, &run.id, StopRequest::Interrupt).await?;
    if !terrane_store::runs::note_cancel(tx, &run).await? {
        return Err(not_now(&run, "canceled"));
    }
    Ok(())
}

async fn force_cancel(tx: &mut Tx, run: Authorized<Run>, cool_off: Duration) -> AppResult<()> {
    let mut run = run.into_inner();
    if !run.is_force_cancelable(cool_off, tx.now()) {
        return Err(match run.force_cancel_available_at(cool_off) {
            Some(moment) if !run.status.is_final() => AppError::Conflict(format!(
                "transition not allowed: the run was asked to end and has time for it until {moment}; force-cancel it after that"
            )),
            None if run.status.is_cancelable() => AppError::Conflict(
                "transition not allowed: cancel the run first; it can be force-canceled if that does not end it"
                    .to_owned(),
            ),
            _ => not_now(&run, "force-canceled"),
        });
    }
    let until = tx.now().plus(KILL_PATIENCE);
    if terrane_store::jobs::kill(tx, &run.id, until).await? {
        // The runner ends the processes and says so; if it does not, the run counts as ended when its time is over.
        tx.wake(terrane_store::Topic::Run(run.id.to_string()));
        return Ok(());
    }
    let asked = run.clone();
    if !queue::end(tx, &mut run, RunStatus::Canceled, queue::by_force()).await? {
        return Err(not_now(&asked, "force-canceled"));
    }
    Ok(())
}

async fn force_execute(tx: &mut Tx, run: Authorized<Run>) -> AppResult<()> {
    if run.status != RunStatus::Pending {
        return Err(AppError::Forbidden(format!(
            "The run is {}; only a pending run, which waits for another one, can be force-executed",
            run.status
        )));
    }
    let workspace = terrane_store::workspaces::by_id(tx, &run.workspace_id).await?.ok_or(AppError::NotFound)?;
    let holder = match workspace.lock_holder {
        Some(LockHolder::Run(id)) => terrane_store::runs::by_id(tx, &id).await?,
        _ => None,
    };
    let Some(mut holder) = holder else {
        let detail =
            "The workspace is not locked by another run, so there is nothing that could be discarded for this one";
        return Err(AppError::Forbidden(detail.to_owned()));
    };
    if !holder.status.is_discardable() {
        return Err(AppError::Conflict(format!(
            "transition not allowed: the workspace is locked by {}, which is {} and cannot be discarded; cancel it, or wait for it",
            holder.id, holder.status
        )));
    }
    // Those that wait before the run go first: the end of the holder gives its place to the oldest.
    loop {
        let waiting = terrane_store::runs::waiting_before(tx, &run).await?;
        if !queue::discard_all(tx, waiting, ReasonCode::ForceExecuted).await? {
            break;
        }
    }
    let asked = holder.clone();
    if !queue::discard(tx, &mut holder, ReasonCode::ForceExecuted).await? {
        return Err(not_now(&asked, "discarded"));
    }
    Ok(())
}
