//! What the server child and the runner child have in common: how they begin and how they are told to end.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::SigSet;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::configuration::Settings;
use crate::exit::Fatal;
use crate::handover::{self, Handover};
use crate::{files, logging};

/// A child that has its settings.
pub(crate) struct ChildProcess {
    /// What the supervisor handed over.
    pub(crate) handover: Handover,
    supervisor: UnixStream,
}

impl ChildProcess {
    /// Takes the settings from the supervisor and starts the log. Must come before any thread is started.
    pub(crate) fn begin() -> anyhow::Result<Self> {
        // The supervisor reads signals from a descriptor and therefore blocks them; a child inherits that.
        SigSet::all().thread_unblock().context("unblock signals")?;
        let supervisor = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().context("open standard input")?);
        let handover = Handover::receive(&supervisor)?;
        logging::start(&handover.settings)?;
        Ok(Self { handover, supervisor })
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.handover.settings
    }

    /// Takes the lock `name` of the data folder, so that no two children of one kind work at the same time.
    ///
    /// Waits up to `patience`: a child whose supervisor was killed may still be ending its work.
    pub(crate) fn lock(&self, name: &str, patience: Duration) -> anyhow::Result<File> {
        let path = self.settings().data_dir.join(name);
        let lock = files::lock(&path, patience).with_context(|| format!("lock {}", path.display()))?;
        Ok(lock.ok_or_else(|| {
            Fatal::InUse(format!(
                "a process of an earlier start still works on {}; wait until it has ended, then start again",
                self.settings().data_dir.display()
            ))
        })?)
    }

    /// Tells the supervisor that this child works.
    pub(crate) fn ready(&self) {
        // Without a supervisor there is nobody to tell; the end of the connection is noticed elsewhere.
        let _ = handover::send_ready(&self.supervisor);
    }

    /// Becomes true when the child shall end: on SIGTERM, or when the supervisor is gone. Needs the runtime.
    pub(crate) fn stop_requested(&self) -> anyhow::Result<watch::Receiver<bool>> {
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        let stream = self.supervisor.try_clone().context("watch the supervisor")?;
        stream.set_nonblocking(true)?;
        let mut stream = tokio::net::UnixStream::from_std(stream).context("watch the supervisor")?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            let mut byte = [0];
            tokio::select! {
                _ = terminate.recv() => tracing::debug!("SIGTERM: stopping"),
                () = async { while matches!(stream.read(&mut byte).await, Ok(1)) {} } => {
                    tracing::warn!("the supervisor is gone: stopping");
                }
            }
            sender.send_replace(true);
            // A receiver must never see the sender gone, which would look like an error.
            sender.closed().await;
        });
        Ok(receiver)
    }
}
