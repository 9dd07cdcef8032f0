//! From a claim to the end of a job, and the recovery of jobs that an earlier life left.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Finish, Job, Outcome, Phase, RefusalCode};
use terrane_domain::time::Timestamp;
use tokio::sync::watch;

use crate::child::Setting;
use crate::engines::{self, FoundEngine};
use crate::lease::Lease;
use crate::log::Log;
use crate::spool::{self, Spool};
use crate::{Runner, RunnerError, apply, folder, plan};

/// How long the folder of a plan waits for the apply.
const KEEP: Duration = Duration::from_mins(10);

/// How a phase ended well.
pub(crate) struct PhaseResult {
    outcome: Outcome,
    has_changes: bool,
    counts: ChangeCounts,
}

impl PhaseResult {
    pub(crate) const fn finished(has_changes: bool, counts: ChangeCounts) -> Self {
        Self { outcome: Outcome::Finished, has_changes, counts }
    }

    pub(crate) fn canceled() -> Self {
        Self { outcome: Outcome::Canceled, has_changes: false, counts: ChangeCounts::default() }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// One slot: claims jobs and does them, one after another.
pub(crate) async fn work(runner: Arc<Runner>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let engines = runner.engines.iter().map(|found| found.engine.clone()).collect();
        let claimed = tokio::select! {
            claimed = runner.client.claim(&runner.id, &runner.config.name, engines) => claimed,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        match claimed {
            Ok(Some(job)) => {
                let id = job.id.clone();
                if let Err(error) = run(&runner, job).await {
                    tracing::warn!(job = %id, %error, "a job was dropped");
                    spool::remove(&runner.config.data_dir, &id);
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "no job could be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        if *shutdown.borrow() {
            return;
        }
    }
}

async fn run(runner: &Arc<Runner>, job: Job) -> Result<(), RunnerError> {
    let started_at = now();
    let lease = Lease::keep(runner.clone(), &job);
    let spool = Arc::new(Spool::open(&runner.config.data_dir, &job)?);
    let log = Log::begin(runner.clone(), &job, spool.clone()).await;
    let engine = engines::choose(&runner.engines, &job.terraform_version).cloned();
    let version = engine.as_ref().map(|found| found.engine.version.clone());
    let run_folder = folder::path_of(&runner.config.data_dir, &job.run_id);
    let result = match engine {
        Some(engine) => phase(runner, &job, engine, lease, &log, &spool).await,
        None => Err(no_engine(runner, &job)),
    };
    let keep = matches!(&result, Ok((PhaseResult { outcome: Outcome::Finished, has_changes: true, .. }, _)))
        && job.phase == Phase::Plan;
    if keep {
        keep_for_a_while(run_folder);
    } else {
        folder::remove(&run_folder);
    }
    // The lease has to live until the server has the end.
    let (ended, _lease) = match result {
        Ok((result, lease)) => (Ok(result), Some(lease)),
        Err(RunnerError::LeaseLost) => return Err(RunnerError::LeaseLost),
        Err(error) => (Err(error), None),
    };
    let mut finish = Finish {
        fence: job.fence,
        outcome: Outcome::Errored,
        reason: None,
        message: None,
        log_length: 0,
        has_changes: false,
        counts: ChangeCounts::default(),
        terraform_version: version,
        started_at,
    };
    match ended {
        Ok(result) => {
            finish.outcome = result.outcome;
            finish.has_changes = result.has_changes;
            finish.counts = result.counts;
        }
        Err(error) => {
            finish.reason = Some(error.reason());
            finish.message = Some(error.to_string());
            if error.reason() != ReasonCode::PlanFailed && error.reason() != ReasonCode::ApplyFailed {
                log.line(&format!("\n{error}")).await;
            }
        }
    }
    finish.log_length = log.close().await?;
    let text = serde_json::to_vec(&finish).unwrap_or_default();
    spool.put("finish", &text)?;
    runner.client.finish(&job.id, &finish).await?;
    spool.remove();
    Ok(())
}

async fn phase(
    runner: &Arc<Runner>,
    job: &Job,
    engine: FoundEngine,
    lease: Lease,
    log: &Log,
    spool: &Arc<Spool>,
) -> Result<(PhaseResult, Lease), RunnerError> {
    let setting = Setting::new(runner.clone(), job.clone(), engine, lease);
    let result = match job.phase {
        Phase::Plan => plan::run(&setting, log).await,
        Phase::Apply => apply::run(&setting, log, spool.clone()).await,
    };
    result.map(|result| (result, setting.lease))
}

fn no_engine(runner: &Runner, job: &Job) -> RunnerError {
    let installed = match runner.engines.as_slice() {
        [] => "none is installed".to_owned(),
        engines => {
            let list: Vec<String> =
                engines.iter().map(|found| format!("{} {}", found.engine.kind, found.engine.version)).collect();
            format!("installed: {}", list.join(", "))
        }
    };
    RunnerError::job(
        ReasonCode::EngineMissing,
        format!(
            "The workspace wants terraform {}, but this runner has no such version ({installed}). Install it on the runner's PATH and start the server again, or change the workspace's terraform-version, then queue a new run.",
            job.terraform_version
        ),
    )
}

/// The folder waits for the apply, but holds clear values: not for long.
fn keep_for_a_while(path: std::path::PathBuf) {
    tokio::spawn(async move {
        tokio::time::sleep(KEEP).await;
        folder::remove(&path);
    });
}

/// Delivers what an earlier life could not. Its children died with it; an apply among them has an unknown outcome.
pub(crate) async fn recover(runner: &Arc<Runner>) -> Result<(), RunnerError> {
    for id in spool::left_behind(&runner.config.data_dir) {
        match runner.client.reattach(&id, &runner.id).await {
            Ok(job) => {
                if let Err(error) = deliver(runner, &job).await {
                    tracing::warn!(job = %id, %error, "a job of an earlier start could not be delivered");
                }
            }
            Err(error) => tracing::info!(job = %id, %error, "a job of an earlier start is no longer ours"),
        }
        spool::remove(&runner.config.data_dir, &id);
    }
    Ok(())
}

async fn deliver(runner: &Arc<Runner>, job: &Job) -> Result<(), RunnerError> {
    let spool = Spool::open(&runner.config.data_dir, job)?;
    let mut offset = job.log_offset;
    for (start, bytes) in spool.log_pieces() {
        let end = start + bytes.len() as u64;
        if end > offset && start <= offset {
            offset = runner.client.append_log(&job.id, job.fence, start, Bytes::from(bytes)).await?;
        }
    }
    if let Some(state) = spool.get("state") {
        match runner.client.put(job, "state", Bytes::from(state)).await {
            // A newer one has arrived before.
            Err(RunnerError::Refused(refusal)) if refusal.code == RefusalCode::StateConflict => {}
            other => other?,
        }
    }
    let spooled = spool.get("finish").and_then(|text| serde_json::from_slice::<Finish>(&text).ok());
    let mut finish = if let Some(finish) = spooled {
        finish
    } else {
        let reason = if job.admitted { ReasonCode::RunnerLost } else { ReasonCode::Internal };
        let line = format!("\n{}\n", reason.sentence());
        offset = runner.client.append_log(&job.id, job.fence, offset, Bytes::from(line)).await?;
        Finish {
            fence: job.fence,
            outcome: Outcome::Errored,
            reason: Some(reason),
            message: Some(reason.sentence().to_owned()),
            log_length: offset,
            has_changes: false,
            counts: ChangeCounts::default(),
            terraform_version: None,
            started_at: now(),
        }
    };
    finish.fence = job.fence;
    runner.client.finish(&job.id, &finish).await
}
