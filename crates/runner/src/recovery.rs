//! What an earlier life of the runner left behind.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use terrane_domain::ids::JobId;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, Finish, Job, Outcome};
use tokio::sync::watch;

use crate::job::{Again, explain, send_finish, settle_state};
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
                let_go(runner, &id).await;
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
            Err(RunnerError::LeaseLost) => let_go(runner, &id).await,
            Err(error) => tracing::error!(job = %id, %error, "a job of an earlier start could not be delivered"),
        }
    }
    Arc::new(Mutex::new(again))
}

/// Ends with a job that is no longer ours. The state in its spool, of which there may be no other copy, is handed over for
/// people to decide about; what the server does not take stays here, sealed, and is offered at the next start again.
pub(crate) async fn let_go(runner: &Runner, id: &JobId) {
    if let Some(path) = spool::state_of(&runner.config.data_dir, id) {
        if let Err(error) = hand_over(runner, id).await {
            let path = path.display();
            tracing::error!(job = %id, %path, %error, "the state of a job that is no longer ours could not be handed over; it is kept, sealed");
            return;
        }
        tracing::warn!(job = %id, "the state of a job that is no longer ours was handed over; people decide about it");
    }
    spool::remove(&runner.config.data_dir, id);
}

async fn hand_over(runner: &Runner, id: &JobId) -> Result<(), RunnerError> {
    let lost = runner.client.recover(id, &runner.id).await?;
    let spool = Spool::open(&runner.config.data_dir, id, &lost.spool_key)?;
    let unsound = || RunnerError::job(ReasonCode::Internal, "The state in the spool is damaged.");
    let state = spool.get(STATE).ok_or_else(unsound)?;
    runner.client.put(id, lost.fence, "errored-state", state.into()).await
}

async fn deliver(runner: &Arc<Runner>, mut job: Job) -> Result<Option<Job>, RunnerError> {
    let spool = Spool::open(&runner.config.data_dir, &job.id, &job.spool_key)?;
    // First, since it is the most precious: a log that cannot be read must not keep it here.
    if let Some(state) = spool.get(STATE) {
        let delivered = runner.client.put(&job.id, job.fence, "state", state.into()).await;
        settle_state(&runner.client, &job, &spool, delivered).await?;
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
    const CONFLICT: &str = r#"{"code":"state-conflict","message":"another is stored","offset":null}"#;
    const END: &str = r#"{"fence":6,"outcome":"finished","reason":null,"message":null,"log_length":3,"has_changes":false,
        "counts":{"additions":0,"changes":0,"destructions":0,"imports":0}}"#;

    /// What the server answers, call by call.
    #[derive(Clone, Copy)]
    struct Answers {
        reattach: &'static str,
        state: &'static str,
        log: &'static str,
        finish: &'static str,
        recover: &'static str,
        errored_state: &'static str,
    }

    /// A server that goes along with everything.
    const WELL: Answers = Answers {
        reattach: "job",
        state: "done",
        log: r#"{"offset":3}"#,
        finish: "done",
        recover: "lost job",
        errored_state: "done",
    };

    /// What is left of a spool, with a state or without: nothing, or whether there is a state.
    async fn left(has_state: bool, answers: Answers) -> Option<bool> {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &fake::job().id, &fake::job().spool_key).unwrap();
        spool.log_writer().unwrap().append(0, b"abc").unwrap();
        spool.put(FINISH, END.as_bytes()).unwrap();
        if has_state {
            spool.put(STATE, b"{}").unwrap();
        }
        let job = serde_json::to_string(&fake::job()).unwrap();
        let lost = serde_json::json!({ "fence": 8, "spool_key": fake::job().spool_key }).to_string();
        let answer = |text: &str| match text {
            "unknown" => fake::answer("404 Not Found", "", 0),
            "forbidden" => fake::answer("403 Forbidden", "", 0),
            "done" => fake::answer("204 No Content", "", 0),
            "job" => fake::answer("200 OK", &job, job.len()),
            "lost job" => fake::answer("200 OK", &lost, lost.len()),
            LOST | GAP | CONFLICT => fake::answer("409 Conflict", text, text.len()),
            other => fake::answer("200 OK", other, other.len()),
        };
        let Answers { reattach, state, log, finish, recover: taken, errored_state } = answers;
        let calls = [
            ("/reattach", reattach),
            ("/state?", state),
            ("/log?", log),
            ("/finish", finish),
            ("/recover", taken),
            ("/errored-state?", errored_state),
            ("/renew", r#"{"stop":"none"}"#),
        ];
        let runner =
            Runner::for_tests(folder.path(), fake::routes(calls.map(|(call, text)| (call, answer(text))).into()).await);
        let (_stop, shutdown) = watch::channel(false);
        recover(&runner, &shutdown).await;
        let path = folder.path().join("spool").join(fake::job().id.as_str());
        path.exists().then(|| path.join(STATE).exists())
    }

    #[tokio::test]
    async fn a_spool_goes_only_when_it_has_arrived_or_cannot_and_holds_no_state() {
        let table = [
            ("the job is lost", false, Answers { reattach: LOST, ..WELL }, None),
            ("the server is another's", false, Answers { reattach: "forbidden", ..WELL }, Some(false)),
            ("the same, with a state", true, Answers { reattach: "forbidden", ..WELL }, Some(true)),
            ("the server knows no such call", false, Answers { reattach: "unknown", ..WELL }, Some(false)),
            ("all is well", true, WELL, None),
            ("the end is not known", true, Answers { finish: "unknown", ..WELL }, None),
            ("the log has a gap", true, Answers { log: GAP, ..WELL }, Some(false)),
            ("the lease is lost by the log", true, Answers { log: LOST, ..WELL }, None),
            ("the lease is lost by the end", true, Answers { finish: LOST, ..WELL }, None),
        ];
        for (what, has_state, answers, expected) in table {
            assert_eq!(left(has_state, answers).await, expected, "{what}");
        }
    }

    #[tokio::test]
    async fn a_state_stays_until_the_server_has_taken_it_one_way_or_the_other() {
        let lost = Answers { reattach: LOST, ..WELL };
        let refused = Answers { state: CONFLICT, ..WELL };
        let table = [
            ("handed over when the job is lost", lost, None),
            ("handed over when the lease is lost by the state", Answers { state: LOST, ..WELL }, None),
            ("not wanted any more", Answers { recover: LOST, ..lost }, Some(true)),
            ("an older server", Answers { recover: "unknown", ..lost }, Some(true)),
            ("another was left before", Answers { errored_state: CONFLICT, ..lost }, Some(true)),
            ("refused, and left to people", refused, None),
            ("not let in, and left to people", Answers { state: "forbidden", ..WELL }, None),
            ("refused both ways", Answers { errored_state: CONFLICT, ..refused }, Some(true)),
        ];
        for (what, answers, expected) in table {
            assert_eq!(left(true, answers).await, expected, "{what}");
        }
    }

    #[tokio::test]
    async fn a_damaged_state_is_not_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), &fake::job().id, &fake::job().spool_key).unwrap();
        spool.put(STATE, b"{}").unwrap();
        let path = spool::state_of(folder.path(), &fake::job().id).unwrap();
        std::fs::write(&path, b"damaged").unwrap();
        let lost = serde_json::json!({ "fence": 8, "spool_key": fake::job().spool_key }).to_string();
        let (client, _) = fake::server(vec![fake::answer("200 OK", &lost, lost.len())]).await;
        let_go(&Runner::for_tests(folder.path(), client), &fake::job().id).await;
        assert!(path.exists());
    }
}
