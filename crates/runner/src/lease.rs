//! The lease of a job: renewed all the time, and the way by which an end reaches the child, wanted by people or by a stop
//! of the runner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use terrane_domain::runner_protocol::{Job, STOP_STARTING_SECONDS, StopRequest};
use tokio::sync::watch;

use crate::{Runner, RunnerError};

/// The server holds a renewal until it is time for the next, or somebody wants an end. One that it answers at once is
/// followed by the next after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a stop of the runner leaves a child alone. Most are done by then.
const INTERRUPT_AFTER: Duration = Duration::from_secs(15);
/// How long after the interrupt it is killed.
const KILL_AFTER: Duration = Duration::from_secs(8);

/// What is known of the lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// What the child should do.
    pub(crate) stop: StopRequest,
    /// The job is another's by now.
    pub(crate) is_lost: bool,
    /// The end is wanted because the runner stops, not by people.
    is_shutdown: bool,
    renewed: Instant,
}

impl Standing {
    pub(crate) fn of(stop: StopRequest, is_lost: bool) -> Self {
        Self { stop, is_lost, is_shutdown: false, renewed: Instant::now() }
    }
}

/// A lease that is kept while this value lives.
pub(crate) struct Lease {
    standing: watch::Receiver<Standing>,
    task: tokio::task::JoinHandle<()>,
    is_admitted: AtomicBool,
}

impl Lease {
    pub(crate) fn keep(runner: Arc<Runner>, job: &Job, shutdown: watch::Receiver<bool>) -> Self {
        let first = Standing::of(StopRequest::None, false);
        let (sender, standing) = watch::channel(first);
        let (id, fence) = (job.id.clone(), job.fence);
        let task = tokio::spawn(async move {
            let renewing = async {
                loop {
                    let began = Instant::now();
                    match runner.client.renew(&id, fence).await {
                        Ok(lease) => sender.send_modify(|standing| {
                            standing.stop = standing.stop.max(lease.stop);
                            standing.renewed = began;
                        }),
                        Err(RunnerError::LeaseLost) => {
                            sender.send_modify(|standing| standing.is_lost = true);
                            return;
                        }
                        Err(error) => tracing::warn!(job = %id, %error, "the lease could not be renewed"),
                    }
                    tokio::time::sleep(PAUSE.saturating_sub(began.elapsed())).await;
                }
            };
            tokio::join!(renewing, end_with_runner(shutdown, &sender));
        });
        Self { standing, task, is_admitted: AtomicBool::new(false) }
    }

    /// From now on the child may change things.
    pub(crate) fn set_admitted(&self) {
        self.is_admitted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.is_admitted.load(Ordering::Relaxed)
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Whether something new may be started for the job.
    pub(crate) fn check(&self) -> Result<(), RunnerError> {
        let standing = *self.standing.borrow();
        if standing.is_lost || standing.renewed.elapsed() > Duration::from_secs(STOP_STARTING_SECONDS) {
            return Err(RunnerError::LeaseLost);
        }
        Ok(())
    }

    /// Whether an end is wanted.
    pub(crate) fn is_stopped(&self) -> bool {
        self.standing.borrow().stop != StopRequest::None
    }

    /// Whether the stop of the runner ended the child, and how.
    pub(crate) fn stopped_by_shutdown(&self) -> Option<StopRequest> {
        let standing = *self.standing.borrow();
        standing.is_shutdown.then_some(standing.stop)
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.standing.borrow().is_lost
    }
}

async fn end_with_runner(mut shutdown: watch::Receiver<bool>, sender: &watch::Sender<Standing>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
    tokio::time::sleep(INTERRUPT_AFTER).await;
    sender.send_if_modified(|standing| {
        let is_first = standing.stop == StopRequest::None;
        if is_first {
            (standing.stop, standing.is_shutdown) = (StopRequest::Interrupt, true);
        }
        is_first
    });
    tokio::time::sleep(KILL_AFTER).await;
    sender.send_modify(|standing| standing.stop = StopRequest::Kill);
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}
