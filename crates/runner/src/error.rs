//! What can go wrong in a runner.

use std::path::PathBuf;

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{Refusal, SandboxLevel};

/// A failure of the runner itself or of a job.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server refuses a call.
    #[error("the server refuses: {}", .0.message)]
    Refused(Refusal),
    /// The server answers what the protocol does not know.
    #[error("the server answered {status} to {call}")]
    Unexpected {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
    },
    /// The HTTP client could not be made or a request not be built.
    #[error("HTTP: {0}")]
    Http(#[from] reqwest::Error),
    /// This system lets the runner keep runs in less than it was told to insist on.
    #[error("{}", too_weak(*.level, *.least, .lacks))]
    SandboxTooWeak {
        /// What there is.
        level: SandboxLevel,
        /// What was wanted.
        least: SandboxLevel,
        /// What is missing for more, and why.
        lacks: String,
    },
    /// The job fails with this reason.
    #[error("{message}")]
    Job {
        /// Why.
        reason: ReasonCode,
        /// In words.
        message: String,
    },
    /// People wanted the end of the job before anything was begun.
    #[error("the job was cancelled")]
    Canceled,
    /// The runner stops before the job has a result: its next life takes it up again.
    #[error("the runner stops")]
    Stopping,
    /// The lease is lost: nothing more may be said about this job.
    #[error("the lease is lost")]
    LeaseLost,
}

/// Begins with a code that scripts can look for.
fn too_weak(level: SandboxLevel, least: SandboxLevel, lacks: &str) -> String {
    let way_out = if level == SandboxLevel::L1 {
        "or say --sandbox l1 to make do with less"
    } else {
        "or say --sandbox off if you trust everyone who may plan with all that the server may do"
    };
    format!(
        "sandbox-unavailable: runs are to have a sandbox of level {least}, but this system allows only {level}. Missing: {lacks}. \
         Provide that, {way_out}; docs/sandbox.md says what each level needs and keeps closed"
    )
}

impl RunnerError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn job(reason: ReasonCode, message: impl Into<String>) -> Self {
        Self::Job { reason, message: message.into() }
    }

    /// Whether the server has understood a call of a lease that is held, and will never do what is asked.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unexpected { status: 400..500, .. })
    }

    /// The end of a task of our own. One that panicked says nothing of the lease.
    pub(crate) async fn of_task<T>(task: tokio::task::JoinHandle<Result<T, Self>>) -> Result<T, Self> {
        let failed = |error| Self::job(ReasonCode::Internal, format!("A part of the runner failed: {error}."));
        task.await.unwrap_or_else(|error| Err(failed(error)))
    }

    /// The reason that the run is told.
    pub(crate) fn reason(&self) -> ReasonCode {
        match self {
            Self::Job { reason, .. } => *reason,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => ReasonCode::DiskFull,
            _ => ReasonCode::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panicked_says_nothing_of_the_lease() {
        let error =
            RunnerError::of_task::<()>(tokio::spawn(async { panic!("as the test wants it") })).await.unwrap_err();
        assert_eq!(error.reason(), ReasonCode::Internal);
        assert!(!matches!(error, RunnerError::LeaseLost), "{error}");
    }
}
