//! What an earlier life of the runner left behind.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Finish, Job, Outcome, RefusalCode};
use tokio::sync::watch;

use crate::job::{Again, explain, now, send_finish};
use crate::lease::Lease;
use crate::log::Delivery;
use crate::spool::{self, Spool};
use crate::{Runner, RunnerError};

/// Delivers what an earlier life could not. Its children died with it: an apply among them has an unknown outcome.
/// Answers the jobs that had no result and did no harm, which may begin again.
pub(crate) async fn recover(runner: &Arc<Runner>, shutdown: &watch::Receiver<bool>) -> Again {
    let mut again = Vec::new();
    for id in spool::left_behind(&runner.config.data_dir) {
        let job = match runner.client.reattach(&id, &runner.id).await {
            Ok(job) => job,
            Err(error) => {
                tracing::info!(job = %id, %error, "a job of an earlier start is no longer ours");
                spool::remove(&runner.config.data_dir, &id);
                continue;
            }
        };
        // A large delivery takes longer than a lease, and so may those after it until there is a slot for this one.
        let lease = Lease::keep(runner.clone(), &job, shutdown.clone());
        match deliver(runner, job).await {
            Ok(Some(job)) => again.push((lease, job)),
            Ok(None) | Err(RunnerError::LeaseLost) => spool::remove(&runner.config.data_dir, &id),
            Err(error) => tracing::error!(job = %id, %error, "a job of an earlier start could not be delivered"),
        }
    }
    Arc::new(Mutex::new(again))
}

async fn deliver(runner: &Arc<Runner>, mut job: Job) -> Result<Option<Job>, RunnerError> {
    let spool = Spool::open(&runner.config.data_dir, &job)?;
    let mut delivery = Delivery::from(&runner.client, &job, &spool, job.log_offset);
    delivery.send_all().await?;
    let mut offset = delivery.sent;
    if let Some(state) = spool.get("state") {
        match runner.client.put(&job, "state", Bytes::from(state)).await {
            // A newer one has arrived before.
            Err(RunnerError::Refused(refusal)) if refusal.code == RefusalCode::StateConflict => {}
            other => other?,
        }
    }
    let spooled = spool.get("finish").and_then(|text| serde_json::from_slice::<Finish>(&text).ok());
    let mut finish = match spooled {
        Some(finish) => finish,
        None if job.admitted => {
            let reason = ReasonCode::RunnerLost;
            let line = format!("\n{}\n", reason.sentence());
            offset = runner.client.append_log(&job.id, job.fence, offset, Bytes::from(line)).await?;
            let mut finish = Finish {
                fence: job.fence,
                outcome: Outcome::Errored,
                reason: None,
                message: None,
                log_length: offset,
                has_changes: false,
                counts: ChangeCounts::default(),
                terraform_version: None,
                started_at: now(),
            };
            explain(&mut finish, &RunnerError::job(reason, reason.sentence()));
            finish
        }
        None => {
            job.log_offset = offset;
            // What ends two lives of a runner is left to the end of its lease, after which the server counts its attempts.
            return Ok(spool.begin_again()?.then_some(job));
        }
    };
    finish.fence = job.fence;
    send_finish(runner, &job, &spool, &finish).await?;
    Ok(None)
}
