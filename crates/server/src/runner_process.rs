//! The runner child: the embedded runner, which outlives the server and speaks to it like any other runner.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::child_process::ChildProcess;

/// A runner of an earlier start ends its runs in order or hands them over in about half a minute.
const PREDECESSOR_PATIENCE: Duration = Duration::from_mins(1);
const RUNTIME_END_LIMIT: Duration = Duration::from_secs(1);

/// Runs the runner until the supervisor wants it to stop or is gone.
pub(crate) fn main() -> anyhow::Result<ExitCode> {
    let child = ChildProcess::begin()?;
    let lock = child.lock("runner.lock", PREDECESSOR_PATIENCE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let ran = runtime.block_on(run(&child));
    runtime.shutdown_timeout(RUNTIME_END_LIMIT);
    drop(lock);
    ran.map(|()| ExitCode::SUCCESS)
}

async fn run(child: &ChildProcess) -> anyhow::Result<()> {
    let mut stop = child.stop_requested()?;
    child.ready();
    stop.wait_for(|stop| *stop).await?;
    Ok(())
}

/// The inside of a run's sandbox; never returns to anything else of this program.
pub(crate) fn sandbox(_arguments: Vec<OsString>) -> ExitCode {
    ExitCode::FAILURE
}
