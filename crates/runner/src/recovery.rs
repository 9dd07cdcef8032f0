//! What an earlier life of the runner left behind.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Finish, Job, Outcome, RefusalCode};
use tokio::sync::watch;

use crate::job::{Again, explain, send_finish};
use crate::lease::Lease;
use crate::log::Delivery;
use crate::spool::{self, FINISH, STATE, Spool};
use crate::{Runner, RunnerError};

/// Delivers what an earlier life could not. Its children died with it: an apply among them has an unknown outcome.
/// Answers the jobs that had no result and did no harm, which may begin again.
pub(crate) async fn recover(runner: &Arc<Runner>, shutdown: &watch::Receiver<bool>) -> Again {
    let mut again = Vec::new();
    for id in spool::left_behind(&runner.config.data_dir) {
        let job = match runner.client.reattach(&id, &runner.id, runner.protection.level).await {
            Ok(job) => job,
            Err(RunnerError::LeaseLost) => {
                tracing::info!(job = %id, "a job of an earlier start is no longer ours");
                spool::remove_lost(&runner.config.data_dir, &id);
                continue;
            }
            Err(error) => {
                tracing::error!(job = %id, %error, "a job of an earlier start could not be taken up; its spool is kept");
                continue;
            }
        };
        // A large delivery takes longer than a lease, and so may those after it until there is a slot for this one.
        let lease = Lease::keep(runner.clone(), &job, shutdown.clone());
        match deliver(runner, job).await {
            Ok(Some(job)) => again.push((lease, job)),
            Ok(None) => spool::remove(&runner.config.data_dir, &id),
            Err(RunnerError::LeaseLost) => spool::remove_lost(&runner.config.data_dir, &id),
            Err(error) => tracing::error!(job = %id, %error, "a job of an earlier start could not be delivered"),
        }
    }
    Arc::new(Mutex::new(again))
}

async fn deliver(runner: &Arc<Runner>, mut job: Job) -> Result<Option<Job>, RunnerError> {
    let spool = Spool::open(&runner.config.data_dir, &job)?;
    // First, since it is the most precious: a log that cannot be read must not keep it here.
    if let Some(state) = spool.get(STATE) {
        match runner.client.put(&job, "state", Bytes::from(state)).await {
            // A newer one has arrived before.
            Err(RunnerError::Refused(refusal)) if refusal.code == RefusalCode::StateConflict => {}
            other => other?,
        }
        spool.forget(STATE);
    }
    let mut delivery = Delivery::from(&runner.client, &job, &spool, job.log_offset);
    delivery.send_all().await?;
    let mut offset = delivery.sent;
    let spooled = spool.get(FINISH).and_then(|text| serde_json::from_slice::<Finish>(&text).ok());
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
                generated_configuration: false,
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
    send_finish(&runner.client, &job, &spool, &finish).await?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake;

    const LOST: &str = r#"{"code":"lease-lost","message":"no longer yours","offset":null}"#;
    const GAP: &str = r#"{"code":"log-gap","message":"the log has 9 bytes","offset":null}"#;
    const END: &str = r#"{"fence":6,"outcome":"finished","reason":null,"message":null,"log_length":3,"has_changes":false,
        "counts":{"additions":0,"changes":0,"destructions":0,"imports":0}}"#;

    /// What is left of a spool, with a state or without, when the server answers to reattach, state, log and finish like
    /// this: nothing, or whether there is a state.
    async fn left(has_state: bool, answers: [&'static str; 4]) -> Option<bool> {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &fake::job()).unwrap();
        spool.log_writer().unwrap().append(0, b"abc").unwrap();
        spool.put(FINISH, END.as_bytes()).unwrap();
        if has_state {
            spool.put(STATE, b"{}").unwrap();
        }
        let job = serde_json::to_string(&fake::job()).unwrap();
        let answer = |text: &str| match text {
            "unknown" => fake::answer("404 Not Found", "", 0),
            "forbidden" => fake::answer("403 Forbidden", "", 0),
            "done" => fake::answer("204 No Content", "", 0),
            "job" => fake::answer("200 OK", &job, job.len()),
            LOST | GAP => fake::answer("409 Conflict", text, text.len()),
            other => fake::answer("200 OK", other, other.len()),
        };
        let calls = ["/reattach", "/state?", "/log?", "/finish"];
        let mut routes: Vec<_> = calls.into_iter().zip(answers.map(answer)).collect();
        routes.push(("/renew", answer(r#"{"stop":"none"}"#)));
        let runner = Runner::for_tests(folder.path(), fake::routes(routes).await);
        let (_stop, shutdown) = watch::channel(false);
        recover(&runner, &shutdown).await;
        let path = folder.path().join("spool").join(fake::job().id.as_str());
        path.exists().then(|| path.join(STATE).exists())
    }

    #[tokio::test]
    async fn a_spool_goes_only_when_it_has_arrived_or_cannot_and_holds_no_state() {
        let log = r#"{"offset":3}"#;
        let table = [
            (false, [LOST, "done", log, "done"], None),
            (true, [LOST, "done", log, "done"], Some(true)),
            (false, ["forbidden", "done", log, "done"], Some(false)),
            (true, ["forbidden", "done", log, "done"], Some(true)),
            (false, ["unknown", "done", log, "done"], Some(false)),
            (true, ["job", "done", log, "done"], None),
            (true, ["job", "unknown", log, "done"], Some(true)),
            (true, ["job", "done", log, "unknown"], None),
            (true, ["job", LOST, log, "done"], Some(true)),
            (true, ["job", "forbidden", log, "done"], Some(true)),
            (true, ["job", "done", GAP, "done"], Some(false)),
            (true, ["job", "done", LOST, "done"], None),
            (true, ["job", "done", log, LOST], None),
        ];
        for (has_state, answers, expected) in table {
            assert_eq!(left(has_state, answers).await, expected, "state: {has_state}, {answers:?}");
        }
    }
}
