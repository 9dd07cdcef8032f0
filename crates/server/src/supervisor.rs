//! The process that the user starts: owns the data folder and the listening socket, starts and restarts the server and the
//! embedded runner, and takes both down in order.
//!
//! A server that dies is back within a second on the same socket, so that an attached terraform never sees a refused
//! connection: what arrives in between waits in the socket's queue. The runner outlives the server, and what
//! terraform writes meanwhile is kept. The supervisor itself does next to nothing, with one thread, so that nothing in it
//! can fail.

mod child;
mod folder;
mod signals;
mod socket;

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use self::child::{Child, Ended, Role};
use self::folder::DataFolder;
use self::signals::Signals;
use crate::configuration::{Mode, Settings};
use crate::exit;
use crate::handover::Secrets;

/// How long the runner may take to end its runs in order or to hand them over.
const RUNNER_GRACE: Duration = Duration::from_secs(30);
/// How long the server may take to answer what it holds; longer than its own limit.
const SERVER_GRACE: Duration = Duration::from_secs(15);

/// Supervises until it is told to stop, or until a child ends in a way that another start would only repeat.
pub(crate) fn run(mut settings: Settings) -> anyhow::Result<ExitCode> {
    // For `dev` it stays what it is: the terminal was closed.
    let signals = Signals::block(settings.mode == Mode::Serve)?;
    let folder = DataFolder::open(&settings.data_dir)?;
    let listener = socket::listen(settings.listen)?;
    settings.listen = listener.local_addr()?;
    // A socket that was passed may listen elsewhere.
    settings.check_address()?;
    let with_runner = settings.runners > 0;
    let mut supervisor = Supervisor {
        settings,
        secrets: Secrets::generate()?,
        folder,
        listener,
        server: Child::new(Role::Server, true),
        runner: Child::new(Role::Runner, with_runner),
        stage: Stage::Running,
        code: 0,
    };
    supervisor.supervise(&signals)?;
    Ok(ExitCode::from(supervisor.code))
}

/// Where the supervisor stands. The runner goes first: it needs the server to hand over its runs.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Running,
    EndingRunner { until: Instant },
    EndingServer { until: Instant },
}

struct Supervisor {
    settings: Settings,
    secrets: Secrets,
    folder: DataFolder,
    listener: TcpListener,
    server: Child,
    runner: Child,
    stage: Stage,
    code: u8,
}

impl Supervisor {
    fn supervise(&mut self, signals: &Signals) -> anyhow::Result<()> {
        loop {
            self.reap();
            let now = Instant::now();
            if self.advance(now) {
                return Ok(());
            }
            self.start_due(now)?;
            let wanted = signals.wait(self.next_deadline())?;
            // Without TLS there is nothing to read again, and the server would not know the signal.
            if wanted.reload && self.settings.tls.is_some() {
                self.server.signal(Signal::SIGHUP);
            }
            if wanted.stop {
                self.stop_requested();
            }
        }
    }

    /// The user wants an end; a second time means: now.
    fn stop_requested(&mut self) {
        let now = Instant::now();
        match &mut self.stage {
            Stage::Running => self.begin_ending(0),
            Stage::EndingRunner { until } | Stage::EndingServer { until } => *until = now,
        }
    }

    fn begin_ending(&mut self, code: u8) {
        if self.stage == Stage::Running {
            self.code = code;
            self.stage = Stage::EndingRunner { until: Instant::now() + RUNNER_GRACE };
            self.runner.signal(Signal::SIGTERM);
        }
    }

    /// Moves on to the next stage where it can; true once both children are gone.
    fn advance(&mut self, now: Instant) -> bool {
        if let Stage::EndingRunner { until } = self.stage {
            if self.runner.is_running() {
                if now >= until {
                    self.runner.signal(Signal::SIGKILL);
                }
            } else {
                self.stage = Stage::EndingServer { until: now + SERVER_GRACE };
                self.server.signal(Signal::SIGTERM);
            }
        }
        if let Stage::EndingServer { until } = self.stage {
            if !self.server.is_running() {
                return true;
            }
            if now >= until {
                self.server.signal(Signal::SIGKILL);
            }
        }
        false
    }

    fn start_due(&mut self, now: Instant) -> anyhow::Result<()> {
        let server_wanted = !matches!(self.stage, Stage::EndingServer { .. });
        let runner_wanted = self.stage == Stage::Running;
        // The runner first: when the server says that it is ready, both pid files are there.
        for (child, wanted) in [(&mut self.runner, runner_wanted), (&mut self.server, server_wanted)] {
            if wanted && child.is_due(now) {
                child.start(&self.settings, &self.secrets, &self.listener, &mut self.folder)?;
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let stage = match self.stage {
            // A child that was just killed is reaped by SIGCHLD; its passed deadline must not spin the loop.
            Stage::EndingRunner { until } | Stage::EndingServer { until } => {
                Some(until).filter(|it| *it > Instant::now())
            }
            Stage::Running => None,
        };
        let server = self.server.due_at();
        let runner = self.runner.due_at().filter(|_| self.stage == Stage::Running);
        [stage, server, runner].into_iter().flatten().min()
    }

    /// Takes note of every process that has ended. In a container the supervisor may also be the parent of orphans.
    fn reap(&mut self) {
        while let Ok(status) = waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            let (pid, ended) = match status {
                WaitStatus::Exited(pid, code) => (pid, Ended::Code(u8::try_from(code).unwrap_or(exit::FAILURE))),
                WaitStatus::Signaled(pid, signal, _) => (pid, Ended::Signal(signal)),
                WaitStatus::StillAlive => return,
                _ => continue,
            };
            let quiet = self.stage != Stage::Running;
            let child = [&mut self.server, &mut self.runner].into_iter().find(|child| child.is_process(pid));
            if let Some(code) = child.and_then(|child| child.ended(ended, Instant::now(), quiet)) {
                self.begin_ending(code);
            }
        }
    }
}
