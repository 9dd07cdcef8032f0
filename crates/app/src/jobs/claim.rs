//! Gives jobs out, and back to a runner's next life.

use std::time::Duration;

use terrane_domain::access::Caller;
use terrane_domain::ids::JobId;
use terrane_domain::runner_protocol::{ClaimRequest, Job, JobVariable, LEASE_SECONDS, Phase, ReattachRequest};
use terrane_domain::runs::{PhaseStatus, Run, RunPhase, RunStatus, RunVariable};
use terrane_domain::variables::{Candidate, Variable, VariableCategory, VariableSource, effective};
use terrane_store::runs::RunChange;
use terrane_store::{Topic, Tx};

use super::{hold_workspace, lease_lost, require_runner};
use crate::{App, AppError, AppResult, callers};

/// How long a claim is held when there is no work.
const HOLD: Duration = Duration::from_secs(20);

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
                    tracing::error!(job = %job.id, run = %run.id, "a job is dropped: its run does not wait for it");
                    terrane_store::jobs::lose(tx, &job.id, job.fence + 1).await?;
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
        workspace_name: run.workspace_name.clone(),
        organization_id: organization.id,
        organization_name: organization.name,
        project_name: project.name,
        working_directory: run.working_directory.clone(),
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
