//! The lease of a job: renewed all the time, and the way by which people's wishes reach the child.

use std::sync::Arc;
use std::time::{Duration, Instant};

use terrane_domain::runner_protocol::{Job, RENEW_SECONDS, STOP_STARTING_SECONDS, StopRequest};
use tokio::sync::watch;

use crate::{Runner, RunnerError};

/// What is known of the lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// What the child should do.
    pub(crate) stop: StopRequest,
    /// The job is another's by now.
    pub(crate) is_lost: bool,
    renewed: Instant,
}

/// A lease that is kept while this value lives.
pub(crate) struct Lease {
    standing: watch::Receiver<Standing>,
    task: tokio::task::JoinHandle<()>,
}

impl Lease {
    pub(crate) fn keep(runner: Arc<Runner>, job: &Job) -> Self {
        let first = Standing { stop: StopRequest::None, is_lost: false, renewed: Instant::now() };
        let (sender, standing) = watch::channel(first);
        let (id, fence) = (job.id.clone(), job.fence);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(RENEW_SECONDS).min(Duration::from_secs(1))).await;
                match runner.client.renew(&id, fence).await {
                    Ok(lease) => sender.send_modify(|standing| {
                        standing.stop = standing.stop.max(lease.stop);
                        standing.renewed = Instant::now();
                    }),
                    Err(RunnerError::LeaseLost) => {
                        sender.send_modify(|standing| standing.is_lost = true);
                        return;
                    }
                    Err(error) => tracing::warn!(job = %id, %error, "the lease could not be renewed"),
                }
            }
        });
        Self { standing, task }
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

    /// Whether people asked for an end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.standing.borrow().stop != StopRequest::None
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.standing.borrow().is_lost
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}
