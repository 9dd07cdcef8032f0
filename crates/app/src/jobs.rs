//! What runners ask of the server: claim, renew, log, state, plan, finish. The wire form is
//! `terrane_domain::runner_protocol`.
//!
//! A plan is delivered at least once, an apply at most once, a state exactly once by effect. Every call after the
//! claim carries the job's fencing number; a call from a lost lease is refused.

use std::time::Duration;

use bytes::Bytes;
use terrane_domain::access::{Caller, CredentialKind};
use terrane_domain::ids::{JobId, StateVersionId};
use terrane_domain::jobs::JobRecord;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{
    ClaimRequest, Finish, Job, JobVariable, LEASE_SECONDS, Lease, LogPosition, Outcome, Phase, RENEW_SECONDS,
    ReattachRequest, Refusal, RefusalCode, StopRequest,
};
use terrane_domain::runs::{PhaseStatus, Run, RunPhase, RunSource, RunStatus, RunVariable, after_plan};
use terrane_domain::state_versions::{NewState, StateVersion, is_stored, may_follow};
use terrane_domain::time::Timestamp;
use terrane_domain::variables::{Candidate, Variable, VariableCategory, VariableSource, effective};
use terrane_store::runs::{PlanDocument, RunChange};
use terrane_store::{BlobKind, BlobReader, Topic, Tx};

use crate::streams::{Body, receive, remove_if_refused};
use crate::{App, AppError, AppResult, callers, entropy, errored_states, queue, run_events, state_uploads};

/// How long a claim is held when there is no work.
const HOLD: Duration = Duration::from_secs(20);
/// How often a held renewal looks for a wish to stop.
const WISH_LOOK: Duration = Duration::from_millis(500);
const MAX_DOCUMENT_BYTES: u64 = 1 << 30;
/// How long after its plan a run that was approved beforehand may fail at the earliest. terraform follows the plan's log
/// and then looks at the run: of one that has failed by then it shows neither the plan nor the apply.
const UNSEEN_PLAN: Duration = Duration::from_secs(5);

/// Only runners have jobs.
pub(crate) fn require_runner(caller: &Caller) -> AppResult<()> {
    if caller.kind == CredentialKind::RunnerPool { Ok(()) } else { Err(AppError::NotFound) }
}

pub(crate) fn refused(code: RefusalCode, message: &str) -> AppError {
    AppError::Refused(Refusal { code, message: message.to_owned(), offset: None })
}

pub(crate) fn lease_lost() -> AppError {
    refused(RefusalCode::LeaseLost, "this job is no longer yours; stop its child and drop it")
}

/// The job, if the caller's fencing number is the newest.
async fn held(tx: &mut Tx, id: &JobId, fence: i64) -> AppResult<(JobRecord, Run, RunPhase)> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if job.fence != fence || job.status != terrane_domain::jobs::JobStatus::Claimed {
        return Err(lease_lost());
    }
    let run = terrane_store::runs::by_id(tx, &job.run_id).await?.ok_or(AppError::NotFound)?;
    let phase = terrane_store::runs::phase(tx, &job.run_id, job.phase).await?.ok_or(AppError::NotFound)?;
    Ok((job, run, phase))
}

/// Holds the workspace of a job's run, before a row below it is written: who deletes the workspace, or ends its runs,
/// takes the rows in this order too, and neither waits for the other. `false` if the run is gone.
pub(crate) async fn hold_workspace(tx: &mut Tx, job: &JobRecord) -> AppResult<bool> {
    let Some(run) = terrane_store::runs::by_id(tx, &job.run_id).await? else { return Ok(false) };
    terrane_store::workspaces::hold(tx, &run.workspace_id).await?;
    Ok(true)
}

/// Gives the caller a job, or `None` after a while without work.
pub async fn claim(app: &App, caller: &Caller, request: ClaimRequest) -> AppResult<Option<Job>> {
    require_runner(caller)?;
    let waiter = app.store.waiter(Topic::Jobs);
    let deadline = tokio::time::Instant::now() + HOLD;
    loop {
        let notified = waiter.notified();
        if let Some(job) = claim_one(app, &request).await? {
            tracing::debug!(job = %job.id, runner = request.name, "a job was given out");
            return Ok(Some(job));
        }
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = app.drained() => return Ok(None),
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

async fn claim_one(app: &App, request: &ClaimRequest) -> AppResult<Option<Job>> {
    let (runner_id, level) = (request.runner_id.clone(), request.sandbox_level);
    let wanted = runner_id.clone();
    // Most looks find nothing: they must not queue behind writers.
    let found = app
        .store
        .read(move |tx| Box::pin(async move { Ok::<_, AppError>(terrane_store::jobs::next_for(tx, &wanted).await?) }))
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    let server = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let Some(job) = terrane_store::jobs::next_for(tx, &runner_id).await? else { return Ok(None) };
                if !hold_workspace(tx, &job).await? {
                    return Ok(None);
                }
                let until = tx.now().plus(Duration::from_secs(LEASE_SECONDS));
                if !terrane_store::jobs::claim(tx, &job.id, &runner_id, until).await? {
                    return Ok(None);
                }
                let mut run = terrane_store::runs::by_id(tx, &job.run_id).await?.ok_or(AppError::NotFound)?;
                let mut phase =
                    terrane_store::runs::phase(tx, &job.run_id, job.phase).await?.ok_or(AppError::NotFound)?;
                let status = match job.phase {
                    Phase::Plan => RunStatus::Planning,
                    Phase::Apply => RunStatus::Applying,
                };
                if !terrane_store::runs::set_status(tx, &mut run, status, RunChange::default()).await? {
                    return Ok(None);
                }
                if job.phase == Phase::Plan {
                    let state = terrane_store::state_versions::current(tx, &run.workspace_id).await?;
                    terrane_store::runs::set_input_state(tx, &mut run, state.map(|version| version.id)).await?;
                }
                terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Running, None).await?;
                terrane_store::runs::set_sandbox_level(tx, &phase.id, level).await?;
                describe(&server, tx, &job.id, &run, &phase).await.map(Some)
            })
        })
        .await
}

/// The variables that the run gets, those of category `terraform` and those of category `env`.
async fn variables_of(tx: &mut Tx, run: &Run) -> AppResult<(Vec<JobVariable>, Vec<JobVariable>)> {
    let mut candidates = Vec::new();
    let mut add = |source, category, variable: JobVariable| {
        candidates.push(Candidate { source, category, key: variable.key.clone(), variable });
    };
    for variable in terrane_store::variables::of_workspace(tx, &run.workspace_id).await? {
        let Variable { key, value, category, hcl, sensitive, .. } = variable;
        add(VariableSource::Workspace, category, JobVariable { key, value, hcl, sensitive });
    }
    for RunVariable { key, value } in terrane_store::runs::variables(tx, run).await? {
        let variable = JobVariable { key, value, hcl: true, sensitive: false };
        add(VariableSource::Run, VariableCategory::Terraform, variable);
    }
    let (mut variables, mut environment) = (Vec::new(), Vec::new());
    for Candidate { category, variable, .. } in effective(candidates) {
        match category {
            VariableCategory::Terraform => variables.push(variable),
            VariableCategory::Env => environment.push(variable),
        }
    }
    Ok((variables, environment))
}

/// Seals what a job's runner keeps of it.
pub(crate) fn spool_key(app: &App, id: &JobId) -> String {
    app.store.derive_key(&format!("spool {id}")).to_hex().to_string()
}

/// Everything that the runner must know.
async fn describe(app: &App, tx: &mut Tx, id: &JobId, run: &Run, phase: &RunPhase) -> AppResult<Job> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let workspace = terrane_store::workspaces::by_id(tx, &run.workspace_id).await?.ok_or(AppError::NotFound)?;
    let organization =
        terrane_store::organizations::by_id(tx, &run.organization_id).await?.ok_or(AppError::NotFound)?;
    let project = terrane_store::projects::by_id(tx, &workspace.project_id).await?.ok_or(AppError::NotFound)?;
    let (variables, environment) = variables_of(tx, run).await?;
    let token = callers::create_run_token(tx, run).await?;
    Ok(Job {
        id: job.id.clone(),
        fence: job.fence,
        phase: job.phase,
        admitted: job.admitted_at.is_some(),
        run_id: run.id.clone(),
        workspace_id: workspace.id,
        workspace_name: workspace.name,
        organization_name: organization.name,
        project_name: project.name,
        working_directory: workspace.working_directory.trim_matches('/').to_owned(),
        engine: run.engine,
        terraform_version: run.terraform_version.clone(),
        log_format: run.log_format,
        options: run.options.clone(),
        variables,
        environment,
        public_url: app.public_url().to_owned(),
        token: token.reveal().to_owned(),
        spool_key: spool_key(app, &job.id),
        log_offset: u64::try_from(phase.log_length).unwrap_or(0),
    })
}

/// Gives a job back to its runner's next life. A plan without a result starts again elsewhere: that is refused here.
pub async fn reattach(app: &App, caller: &Caller, id: JobId, request: ReattachRequest) -> AppResult<Job> {
    require_runner(caller)?;
    let server = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let job = terrane_store::jobs::by_id(tx, &id).await?.ok_or_else(lease_lost)?;
                let until = tx.now().plus(Duration::from_secs(LEASE_SECONDS));
                if !terrane_store::jobs::reattach(tx, &id, &request.runner_id, until).await? {
                    return Err(lease_lost());
                }
                let run = terrane_store::runs::by_id(tx, &job.run_id).await?.ok_or(AppError::NotFound)?;
                let phase = terrane_store::runs::phase(tx, &job.run_id, job.phase).await?.ok_or(AppError::NotFound)?;
                terrane_store::runs::set_sandbox_level(tx, &phase.id, request.sandbox_level).await?;
                terrane_store::tokens::remove_of_run(tx, &run.id).await?;
                describe(&server, tx, &id, &run, &phase).await
            })
        })
        .await
}

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

/// What a job's runner may fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobInput {
    /// The configuration archive.
    Configuration,
    /// The state to plan against, or for an apply the workspace's newest.
    State,
    /// The saved plan.
    Plan,
}

/// Opens one of a job's inputs.
pub async fn input(app: &App, caller: &Caller, id: JobId, fence: i64, input: JobInput) -> AppResult<BlobReader> {
    require_runner(caller)?;
    let blob = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let (job, run, _) = held(tx, &id, fence).await?;
                let blob = match input {
                    JobInput::Configuration => terrane_store::runs::configuration_blob(tx, &run.id).await?,
                    // The one against which staleness is judged, even if there is a newer one.
                    JobInput::State if job.phase == Phase::Plan => match &run.input_state_version_id {
                        Some(id) => {
                            terrane_store::state_versions::by_id(tx, id).await?.and_then(|version| version.blob)
                        }
                        None => None,
                    },
                    JobInput::State => terrane_store::state_versions::current(tx, &run.workspace_id)
                        .await?
                        .and_then(|version| version.blob),
                    JobInput::Plan => {
                        terrane_store::runs::phase(tx, &run.id, Phase::Plan).await?.and_then(|phase| phase.plan_blob)
                    }
                };
                blob.ok_or(AppError::NotFound)
            })
        })
        .await?;
    Ok(app.store.blob_reader(&blob).await?)
}

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
    let (organization_id, plan_id) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let (job, _, phase) = held(tx, &wanted, fence).await?;
                Ok::<_, AppError>((job.organization_id, phase.id))
            })
        })
        .await?;
    let kind = match document {
        PlanDocument::Plan => BlobKind::Plan,
        PlanDocument::Json => BlobKind::JsonPlan,
        PlanDocument::Redacted => BlobKind::RedactedPlan,
    };
    let writer = app.store.blob_writer(&organization_id, kind, &plan_id).await?;
    let (blob, ()) = receive(body, writer, MAX_DOCUMENT_BYTES, |_| ()).await?;
    let key = blob.key.clone();
    let written = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                held(tx, &id, fence).await?;
                terrane_store::runs::set_plan_document(tx, &plan_id, document, &blob.key).await?;
                Ok::<_, AppError>(())
            })
        })
        .await;
    remove_if_refused(app, &key, &written).await;
    written
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
                held(tx, &id, fence).await?;
                let current = state_uploads::hold_current(tx, &run.workspace_id).await?;
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
                state_uploads::finalize(tx, &mut version, &blob, document, format!("run {}", run.id)).await?;
                Ok::<_, AppError>(true)
            })
        })
        .await;
    if matches!(stored, Ok(false)) {
        app.store.remove_blob(&key).await?;
    }
    remove_if_refused(app, &key, &stored).await;
    stored.map(drop)
}

/// Ends a job: the phase's status, the run's status and the end of the log become visible in one step.
pub async fn finish(app: &App, caller: &Caller, id: JobId, finish: Finish) -> AppResult<()> {
    require_runner(caller)?;
    let (again, told) = (id.clone(), finish.clone());
    let pause = app.store.write(move |tx| Box::pin(async move { finish_in(tx, &id, &finish, true).await })).await?;
    if let Some(pause) = pause {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.drained() => {}
        }
        app.store.write(move |tx| Box::pin(async move { finish_in(tx, &again, &told, false).await })).await?;
    }
    Ok(())
}

/// How long the failure of an apply has to wait for those who still read the plan.
fn until_plan_was_seen(job: &JobRecord, run: &Run, now: Timestamp) -> Option<Duration> {
    if job.phase != Phase::Apply || !run.auto_apply || run.source != RunSource::TerraformCloud {
        return None;
    }
    let confirmed = run.status_timestamps[RunStatus::Confirmed.timestamp_key()].as_str();
    let confirmed: Timestamp = confirmed?.parse().ok()?;
    Some(UNSEEN_PLAN.saturating_sub(now.since(confirmed))).filter(|pause| !pause.is_zero())
}

/// Ends the job, or answers how long to wait first, having changed nothing.
async fn finish_in(tx: &mut Tx, id: &JobId, finish: &Finish, may_wait: bool) -> AppResult<Option<Duration>> {
    let job = terrane_store::jobs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if job.status == terrane_domain::jobs::JobStatus::Done && job.fence == finish.fence {
        return Ok(None);
    }
    if !hold_workspace(tx, &job).await? {
        return Err(AppError::NotFound);
    }
    let (job, mut run, mut phase) = held(tx, id, finish.fence).await?;
    if u64::try_from(phase.log_length).unwrap_or(0) != finish.log_length {
        return Err(AppError::Refused(Refusal {
            code: RefusalCode::LogGap,
            message: format!("the log has {} bytes of {}", phase.log_length, finish.log_length),
            offset: u64::try_from(phase.log_length).ok(),
        }));
    }
    if may_wait
        && finish.outcome == Outcome::Errored
        && let Some(pause) = until_plan_was_seen(&job, &run, tx.now())
    {
        return Ok(Some(pause));
    }
    if !terrane_store::jobs::finish(tx, id, finish.fence).await? {
        return Err(lease_lost());
    }
    // What terraform did is not in the workspace's state: that is no success, whatever terraform says.
    let is_left = job.phase == Phase::Apply && errored_states::is_open(tx, &run.id).await?;
    let finish = &if is_left { without_its_state(finish) } else { finish.clone() };
    let status = match finish.outcome {
        Outcome::Finished => PhaseStatus::Finished,
        Outcome::Errored => PhaseStatus::Errored,
        Outcome::Canceled => PhaseStatus::Canceled,
    };
    terrane_store::runs::set_phase_status(tx, &mut phase, status, Some(finish.counts)).await?;
    let line = if is_left { format!("\n{}\n", ReasonCode::StateRefused.sentence()) } else { String::new() };
    terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
    if finish.generated_configuration {
        terrane_store::runs::set_generated_configuration(tx, &phase.id).await?;
    }
    let reason = finish.reason.map(|code| (code, finish.message.clone()));
    match finish.outcome {
        Outcome::Errored => {
            let reason = reason.or(Some((ReasonCode::Internal, finish.message.clone())));
            queue::end(tx, &mut run, RunStatus::Errored, RunChange { reason, ..RunChange::default() }).await?;
        }
        Outcome::Canceled if job.stop == StopRequest::Kill => {
            queue::end(tx, &mut run, RunStatus::Canceled, queue::by_force()).await?;
        }
        Outcome::Canceled => {
            let reason = reason.or(Some((ReasonCode::Canceled, None)));
            let change = RunChange { reason, canceled: true, ..RunChange::default() };
            queue::end(tx, &mut run, RunStatus::Canceled, change).await?;
        }
        Outcome::Finished if job.phase == Phase::Apply => {
            queue::end(tx, &mut run, RunStatus::Applied, RunChange::default()).await?;
        }
        Outcome::Finished => plan_finished(tx, &mut run, finish.has_changes).await?,
    }
    Ok(None)
}

/// The end of an apply whose state was refused.
fn without_its_state(finish: &Finish) -> Finish {
    let mut finish = finish.clone();
    if finish.outcome != Outcome::Canceled {
        let sentence = ReasonCode::StateRefused.sentence();
        finish.message = finish.message.map(|message| format!("{message} {sentence}"));
        (finish.outcome, finish.reason) = (Outcome::Errored, Some(ReasonCode::StateRefused));
    }
    finish
}

async fn plan_finished(tx: &mut Tx, run: &mut Run, has_changes: bool) -> AppResult<()> {
    let change = RunChange { has_changes: Some(has_changes), ..RunChange::default() };
    // The apply gets one of its own.
    terrane_store::tokens::remove_of_run(tx, &run.id).await?;
    match after_plan(run.plan_facts(has_changes)) {
        next if next.is_final() => {
            queue::end(tx, run, next, change).await?;
        }
        RunStatus::Confirmed => {
            if queue::confirm(tx, run, change).await? {
                run_events::add(tx, run, RunEventAction::Confirmed, None, None).await?;
            }
        }
        // The state is another by now than the one that was planned against: nobody can apply this any more.
        RunStatus::PlannedAndSaved if is_stale(tx, run).await? => {
            terrane_store::runs::set_status(tx, run, RunStatus::PlannedAndSaved, change).await?;
            queue::discard(tx, run, ReasonCode::Superseded).await?;
        }
        next => {
            terrane_store::runs::set_status(tx, run, next, change).await?;
        }
    }
    Ok(())
}

/// Whether the state has changed since the run's plan began.
async fn is_stale(tx: &mut Tx, run: &Run) -> AppResult<bool> {
    let current = terrane_store::state_versions::current(tx, &run.workspace_id).await?;
    Ok(current.map(|version| version.id) != run.input_state_version_id)
}

/// Deals with jobs whose runner has not been heard of for a whole lease. Answers how many there were.
pub async fn sweep_lost(app: &App) -> AppResult<usize> {
    app.store
        .write(|tx| {
            Box::pin(async move {
                let now = tx.now();
                let lost = terrane_store::jobs::lost(tx, now).await?;
                let count = lost.len();
                for job in lost {
                    lose(tx, job).await?;
                }
                Ok::<_, AppError>(count)
            })
        })
        .await
}

async fn lose(tx: &mut Tx, job: JobRecord) -> AppResult<()> {
    if !hold_workspace(tx, &job).await? {
        return Ok(());
    }
    let Some(mut run) = terrane_store::runs::by_id(tx, &job.run_id).await? else { return Ok(()) };
    let Some(mut phase) = terrane_store::runs::phase(tx, &job.run_id, job.phase).await? else { return Ok(()) };
    tracing::warn!(job = %job.id, run = %run.id, phase = %job.phase, "the runner of a job is lost");
    if job.may_repeat() {
        if !terrane_store::jobs::requeue(tx, &job.id, job.fence).await? {
            return Ok(());
        }
        terrane_store::tokens::remove_of_run(tx, &run.id).await?;
        let status = match job.phase {
            Phase::Plan => RunStatus::PlanQueued,
            Phase::Apply => RunStatus::ApplyQueued,
        };
        terrane_store::runs::set_status(tx, &mut run, status, RunChange::default()).await?;
        terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Queued, None).await?;
        return Ok(());
    }
    if !terrane_store::jobs::lose(tx, &job.id, job.fence).await? {
        return Ok(());
    }
    if job.stop == StopRequest::Kill {
        terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Canceled, None).await?;
        let line = format!("\n{}\n", ReasonCode::ForceCanceled.sentence());
        terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
        queue::end(tx, &mut run, RunStatus::Canceled, queue::by_force()).await?;
        return Ok(());
    }
    let reason = job.reason_of_loss();
    let line = format!("\n{}\n", reason.sentence());
    terrane_store::runs::set_phase_status(tx, &mut phase, PhaseStatus::Errored, None).await?;
    terrane_store::logs::end(tx, &run.organization_id, &mut phase, line.as_bytes()).await?;
    let change = RunChange { reason: Some((reason, None)), ..RunChange::default() };
    queue::end(tx, &mut run, RunStatus::Errored, change).await?;
    Ok(())
}

/// After a stop of the server nobody could renew: leases that were not renewed for a while begin anew. Those that
/// were, on another server of the same database, are left alone; what is overdue there belongs to a runner that is
/// gone, and is found a lease later at most.
pub(crate) async fn renew_overdue(app: &App) -> AppResult<()> {
    app.store
        .write(|tx| {
            Box::pin(async move {
                let soon = tx.now().plus(Duration::from_secs(2 * RENEW_SECONDS));
                let until = tx.now().plus(Duration::from_secs(LEASE_SECONDS));
                Ok(terrane_store::jobs::renew_overdue(tx, soon, until).await?)
            })
        })
        .await
}
