//! The runner child: the embedded runner, which outlives the server and speaks to it like any other runner.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use terrane_runner::{RunnerConfig, RunnerError, RunnerToken};

use crate::child_process::ChildProcess;
use crate::exit::Fatal;

/// A runner of an earlier start ends its runs in order or hands them over in about half a minute.
const PREDECESSOR_PATIENCE: Duration = Duration::from_mins(1);
const RUNTIME_END_LIMIT: Duration = Duration::from_secs(1);

/// Runs the runner until the supervisor wants it to stop or is gone.
pub(crate) fn main() -> anyhow::Result<ExitCode> {
    let child = ChildProcess::begin()?;
    let lock = child.lock("runner.lock", PREDECESSOR_PATIENCE)?;
    // The HTTP client takes the process's provider; that there is one already is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let ran = runtime.block_on(run(&child));
    runtime.shutdown_timeout(RUNTIME_END_LIMIT);
    drop(lock);
    ran.map(|()| ExitCode::SUCCESS)
}

async fn run(child: &ChildProcess) -> anyhow::Result<()> {
    let stop = child.stop_requested()?;
    let settings = child.settings();
    let config = RunnerConfig {
        address: settings.loopback_url(),
        token: RunnerToken::new(child.handover.secrets.runner_token.as_str()),
        name: "embedded".to_owned(),
        data_dir: settings.data_dir.join("runner"),
        slots: settings.runners,
        hidden: vec![settings.data_dir.clone()],
        writable: settings.runs.writable.clone(),
        provider_mirror: settings.runs.provider_mirror.clone(),
        least: settings.runs.least(settings.mode),
        limits: settings.runs.limits,
        program: std::env::current_exe().context("find this program")?,
    };
    match terrane_runner::run(config, stop, || child.ready()).await {
        // Another start would find the same system.
        Err(error @ RunnerError::SandboxTooWeak { .. }) => Err(Fatal::Configuration(error.to_string()).into()),
        other => Ok(other?),
    }
}

/// The inside of a run's sandbox; never returns to anything else of this program.
pub(crate) fn sandbox(arguments: &[OsString]) -> ExitCode {
    terrane_runner::sandbox_main(arguments)
}
