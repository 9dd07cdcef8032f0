//! Signals, read from a descriptor so that the supervisor's single thread can wait for them and for time at once.

use std::os::fd::AsFd as _;
use std::time::Instant;

use anyhow::Context as _;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What the signals that arrived ask for.
#[derive(Default)]
pub(super) struct Wanted {
    /// Somebody wants the program to end.
    pub(super) stop: bool,
    /// Somebody wants files to be read again.
    pub(super) reload: bool,
}

/// SIGINT, SIGTERM and SIGCHLD, and SIGHUP if it is to mean something.
pub(super) struct Signals {
    descriptor: SignalFd,
}

impl Signals {
    /// From here on these signals only arrive at [`Signals::wait`].
    pub(super) fn block(with_reload: bool) -> anyhow::Result<Self> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGCHLD] {
            set.add(signal);
        }
        if with_reload {
            set.add(Signal::SIGHUP);
        }
        set.thread_block().context("block signals")?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self { descriptor: SignalFd::with_flags(&set, flags).context("receive signals")? })
    }

    /// Waits for a signal or the deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> anyhow::Result<Wanted> {
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            // One more, because the rest of a millisecond is cut off and would be spent in a busy loop.
            let milliseconds = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
            i32::try_from(milliseconds).ok().and_then(|it| PollTimeout::try_from(it).ok()).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("wait for signals"),
        }
        let mut wanted = Wanted::default();
        while let Some(signal) = self.descriptor.read_signal().context("read a signal")? {
            match Signal::try_from(signal.ssi_signo.cast_signed()) {
                Ok(Signal::SIGCHLD) => {}
                Ok(Signal::SIGHUP) => wanted.reload = true,
                _ => wanted.stop = true,
            }
        }
        Ok(wanted)
    }
}
