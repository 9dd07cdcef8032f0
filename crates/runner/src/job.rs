//! From a claim to the end of a job, and the recovery of jobs that an earlier life left.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Finish, Job, Outcome, Phase, Refusal, RefusalCode, StopRequest};
use tokio::sync::watch;

use crate::child::Setting;
use crate::client::Client;
use crate::engines;
use crate::lease::Lease;
use crate::log::{ClosedLog, Delivery, Log};
use crate::spool::{FINISH, STATE, Spool};
use crate::{Runner, RunnerError, apply, folder, plan, recovery};

/// How long the folder of a plan waits for the apply.
const KEEP: Duration = Duration::from_mins(10);

/// How long after a stop of the runner a slot gives up what it does: its process is killed soon after.
const GIVE_UP_AFTER: Duration = Duration::from_secs(27);
/// How long a stopped runner tries to deliver a result that is spooled: a server that is there needs no time.
const DELIVER_WITHIN: Duration = Duration::from_secs(3);

/// States on their way to the server.
pub(crate) type Deliveries = Vec<tokio::task::JoinHandle<Result<(), RunnerError>>>;

/// How a phase ended well.
pub(crate) struct PhaseResult {
    outcome: Outcome,
    has_changes: bool,
    counts: ChangeCounts,
    /// Whether a plan wrote configuration.
    generated_configuration: bool,
    /// Whether an apply began, so that it must not be repeated.
    has_begun: bool,
}

impl PhaseResult {
    pub(crate) const fn finished(has_changes: bool, counts: ChangeCounts) -> Self {
        Self { outcome: Outcome::Finished, has_changes, counts, generated_configuration: false, has_begun: true }
    }

    /// A plan that ended well.
    pub(crate) const fn planned(has_changes: bool, counts: ChangeCounts, generated_configuration: bool) -> Self {
        Self { generated_configuration, ..Self::finished(has_changes, counts) }
    }

    /// Stopped before anything was changed.
    pub(crate) fn canceled() -> Self {
        Self {
            outcome: Outcome::Canceled,
            has_changes: false,
            counts: ChangeCounts::default(),
            generated_configuration: false,
            has_begun: false,
        }
    }

    /// An apply that was stopped on its way.
    pub(crate) fn interrupted() -> Self {
        Self { has_begun: true, ..Self::canceled() }
    }
}

/// Jobs of an earlier life that may begin again, with their leases.
pub(crate) type Again = Arc<Mutex<Vec<(Lease, Job)>>>;

/// One slot: does what is to begin again, then claims jobs and does them, one after another.
pub(crate) async fn work(runner: Arc<Runner>, again: Again, mut shutdown: watch::Receiver<bool>) {
    loop {
        let first = again.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let claimed = if let Some(first) = first {
            Ok(Some(first))
        } else {
            let claimed = tokio::select! {
                claimed = runner.client.claim(&runner.id, &runner.config.name, runner.protection.level) => claimed,
                _ = shutdown.wait_for(|stop| *stop) => return,
            };
            claimed.map(|job| job.map(|job| (Lease::keep(runner.clone(), &job, shutdown.clone()), job)))
        };
        match claimed {
            Ok(Some((lease, job))) => {
                let id = job.id.clone();
                let done = tokio::select! {
                    done = run(&runner, job, lease, shutdown.clone()) => done,
                    () = after_stop(shutdown.clone(), GIVE_UP_AFTER) => Err(RunnerError::Stopping),
                };
                match done {
                    Ok(()) => {}
                    // The spool is for the runner's next life.
                    Err(RunnerError::Stopping) => {
                        tracing::warn!(job = %id, "the runner stops before this job has arrived; it is handed over");
                    }
                    Err(RunnerError::LeaseLost) => {
                        tracing::warn!(job = %id, "the job is no longer ours; it was dropped");
                        tokio::select! {
                            () = recovery::let_go(&runner, &id) => {}
                            () = after_stop(shutdown.clone(), DELIVER_WITHIN) => {}
                        }
                    }
                    // The spool may hold the only copy of a state: the next start tries to deliver it.
                    Err(error) => tracing::error!(job = %id, %error, "a job could not be delivered; its spool is kept"),
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

async fn run(runner: &Arc<Runner>, job: Job, lease: Lease, shutdown: watch::Receiver<bool>) -> Result<(), RunnerError> {
    let lease = Arc::new(lease);
    let spool = Arc::new(Spool::open(&runner.config.data_dir, &job.id, &job.spool_key)?);
    let log = Log::begin(runner.clone(), &job, spool.clone()).await;
    let engine = engines::choose(&runner.engines, job.engine, &job.terraform_version).cloned();
    let mut finish = Finish {
        fence: job.fence,
        outcome: Outcome::Errored,
        reason: None,
        message: None,
        log_length: 0,
        has_changes: false,
        counts: ChangeCounts::default(),
        generated_configuration: false,
    };
    let mut deliveries = Vec::new();
    let result = match engine {
        Some(engine) => match Setting::new(runner.clone(), job.clone(), engine, lease.clone()) {
            Ok(setting) => perform(setting, &log, &spool, &mut deliveries).await,
            Err(error) => Err(error),
        },
        None => Err(no_engine(runner, &job)),
    };
    match after_shutdown(result, &lease) {
        Err(RunnerError::LeaseLost) => {
            // What the apply left until then may have arrived all the same.
            deliver_states(&runner.client, &job, &spool, deliveries).await?;
            return Err(RunnerError::LeaseLost);
        }
        Err(RunnerError::Stopping) => return Err(RunnerError::Stopping),
        Ok(result) => {
            finish.outcome = result.outcome;
            finish.has_changes = result.has_changes;
            finish.counts = result.counts;
            finish.generated_configuration = result.generated_configuration;
        }
        Err(error) => {
            explain(&mut finish, &error);
            if error.reason() != ReasonCode::PlanFailed && error.reason() != ReasonCode::ApplyFailed {
                log.line(&format!("\n{error}")).await;
            }
        }
    }
    let log = log.close().await;
    tokio::select! {
        reported = report(&runner.client, &job, &spool, finish, log, deliveries) => reported?,
        () = after_stop(shutdown, DELIVER_WITHIN) => return Err(RunnerError::Stopping),
    }
    spool.remove();
    Ok(())
}

/// Does the phase, and keeps its folder only if something comes after it.
async fn perform(
    setting: Setting,
    log: &Log,
    spool: &Arc<Spool>,
    deliveries: &mut Deliveries,
) -> Result<PhaseResult, RunnerError> {
    let (runner, phase, folder) = (setting.runner.clone(), setting.job.phase, setting.folder.root.clone());
    runner.kept.take(&folder);
    let result = match phase {
        Phase::Plan => plan::run(&setting, log).await,
        Phase::Apply => apply::run(&setting, log, spool.clone(), deliveries).await,
    };
    let result = match result {
        Err(RunnerError::Canceled) => Ok(PhaseResult::canceled()),
        other => other,
    };
    // A sandbox that was made ready goes before its folder.
    drop(setting);
    match (phase, &result) {
        (Phase::Plan, Ok(PhaseResult { outcome: Outcome::Finished, has_changes: true, .. })) => {
            runner.kept.keep(folder);
        }
        (Phase::Plan, _) => folder::remove(&folder),
        // Nothing comes after it, so nothing need wait for this.
        (Phase::Apply, _) => drop(tokio::task::spawn_blocking(move || folder::remove(&folder))),
    }
    result
}

/// Delivers the end of a job, and before it what is still on its way.
async fn report(
    client: &Client,
    job: &Job,
    spool: &Spool,
    mut finish: Finish,
    log: ClosedLog,
    deliveries: Deliveries,
) -> Result<(), RunnerError> {
    match log.length {
        Ok(length) => {
            finish.log_length = length;
            // What cannot be kept can still arrive.
            if let Err(error) = spool.put(FINISH, &serde_json::to_vec(&finish).unwrap_or_default()) {
                tracing::error!(job = %job.id, %error, "the end of a job could not be kept on disk");
            }
        }
        Err(error) => explain(&mut finish, &error),
    }
    deliver_states(client, job, spool, deliveries).await?;
    finish.log_length = RunnerError::of_task(log.sending).await?;
    send_finish(client, job, spool, &finish).await
}

/// Waits until the states have arrived, or were left to people.
async fn deliver_states(client: &Client, job: &Job, spool: &Spool, deliveries: Deliveries) -> Result<(), RunnerError> {
    for delivery in deliveries {
        let delivered = RunnerError::of_task(delivery).await;
        settle_state(client, job, spool, delivered).await?;
    }
    Ok(())
}

/// Forgets the spooled state if it was delivered. What the server refuses as the workspace's state, it keeps for people
/// to decide about; it then takes no end of the job for a success.
pub(crate) async fn settle_state(
    client: &Client,
    job: &Job,
    spool: &Spool,
    delivered: Result<(), RunnerError>,
) -> Result<(), RunnerError> {
    if let Err(error) = delivered {
        let state = if error.is_refusal() { spool.get(STATE) } else { None };
        let Some(state) = state else { return Err(error) };
        tracing::error!(job = %job.id, %error, "the state of this apply is refused; it is left to people");
        client.put(&job.id, job.fence, "errored-state", state.into()).await?;
    }
    spool.forget(STATE);
    Ok(())
}

/// Ends a job. A server that has less of the log than it said gets the rest before.
pub(crate) async fn send_finish(client: &Client, job: &Job, spool: &Spool, finish: &Finish) -> Result<(), RunnerError> {
    match client.finish(&job.id, finish).await {
        Err(RunnerError::Refused(Refusal { code: RefusalCode::LogGap, offset: Some(stored), .. })) => {
            Delivery::from(client, job, spool, stored).send_all().await?;
            client.finish(&job.id, finish).await
        }
        other => other,
    }
}

/// Ends some time after the stop of the runner.
async fn after_stop(mut shutdown: watch::Receiver<bool>, time: Duration) {
    let _ = shutdown.wait_for(|stop| *stop).await;
    tokio::time::sleep(time).await;
}

pub(crate) fn explain(finish: &mut Finish, error: &RunnerError) {
    finish.outcome = Outcome::Errored;
    finish.reason = Some(error.reason());
    finish.message = Some(error.to_string());
}

/// What a phase's result means if the stop of the runner ended the child: whatever changed nothing is taken up again.
fn after_shutdown(result: Result<PhaseResult, RunnerError>, lease: &Lease) -> Result<PhaseResult, RunnerError> {
    match (result, lease.stopped_by_shutdown()) {
        (Ok(PhaseResult { outcome: Outcome::Canceled, has_begun, .. }), Some(stop)) => Err(if !has_begun {
            RunnerError::Stopping
        } else if stop == StopRequest::Interrupt {
            RunnerError::job(
                ReasonCode::ApplyFailed,
                "The runner was stopped, so terraform was interrupted. What it did until then is kept in the state; queue a new run to do the rest.",
            )
        } else {
            RunnerError::job(ReasonCode::RunnerLost, ReasonCode::RunnerLost.sentence())
        }),
        (result, _) => result,
    }
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
            "The workspace wants {} {}, but this runner has no such version ({installed}). Install it on the runner's PATH and start the server again, or change the workspace's terraform-version, then queue a new run.",
            job.engine.label(),
            job.terraform_version
        ),
    )
}

/// Folders of plans that wait for their apply. They hold clear values: not for long.
#[derive(Default)]
pub(crate) struct KeptFolders(Mutex<HashMap<PathBuf, tokio::task::AbortHandle>>);

impl KeptFolders {
    fn keep(&self, path: PathBuf) {
        let removed = path.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(KEEP).await;
            folder::remove(&removed);
        });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, removal| !removal.is_finished());
        kept.insert(path, task.abort_handle());
    }

    /// The apply has come: the folder is its own now, however long it takes.
    fn take(&self, path: &Path) {
        if let Some(task) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake;

    #[tokio::test]
    async fn an_end_that_cannot_be_kept_on_disk_arrives_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (job, spool) = (fake::job(), Spool::for_tests(folder.path()));
        // A file cannot take a folder's place.
        std::fs::create_dir_all(folder.path().join(FINISH)).unwrap();
        let finish = Finish {
            fence: job.fence,
            outcome: Outcome::Finished,
            reason: None,
            message: None,
            log_length: 0,
            has_changes: false,
            counts: ChangeCounts::default(),
            generated_configuration: false,
        };
        let log = ClosedLog { length: Ok(3), sending: tokio::spawn(async { Ok(3) }) };
        let (client, calls) = fake::server(vec![fake::answer("204 No Content", "", 0)]).await;
        report(&client, &job, &spool, finish, log, Vec::new()).await.unwrap();
        assert!(calls.await.unwrap()[0].contains("/finish "));
    }

    #[tokio::test]
    async fn a_state_that_is_refused_is_left_to_people_before_the_job_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (job, spool) = (fake::job(), Spool::for_tests(folder.path()));
        spool.put(STATE, b"{}").unwrap();
        let finish: Finish = serde_json::from_value(serde_json::json!({
            "fence": 7, "outcome": "finished", "reason": null, "message": null, "log_length": 3, "has_changes": false,
            "counts": {"additions": 1, "changes": 0, "destructions": 0, "imports": 0},
        }))
        .unwrap();
        let log = ClosedLog { length: Ok(3), sending: tokio::spawn(async { Ok(3) }) };
        let refused = tokio::spawn(async { Err(RunnerError::Unexpected { call: "state".to_owned(), status: 400 }) });
        let (client, calls) = fake::server(vec![fake::answer("204 No Content", "", 0); 2]).await;
        report(&client, &job, &spool, finish, log, vec![refused]).await.unwrap();
        let calls = calls.await.unwrap();
        assert!(calls[0].contains("/errored-state?fence=7 ") && calls[1].contains("/finish "), "{calls:?}");
        assert_eq!(spool.get(STATE), None);
    }
}
