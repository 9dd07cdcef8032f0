//! One supervised process: when it is started, how it is started, and what its end means.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use command_fds::{CommandFdExt as _, FdMapping};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::DataFolder;
use crate::configuration::Settings;
use crate::exit::{self, FINAL_CODES};
use crate::handover::{self, Handover, Secrets};

/// Memory in pieces of this size or longer goes back to the system as soon as it is not needed any more.
const GIVEN_BACK_BYTES: &str = "1048576";
/// So many failed starts ...
const MOST_FAILED_STARTS: usize = 5;
/// ... within this time end the supervisor.
const FAILED_STARTS_WINDOW: Duration = Duration::from_secs(30);
/// A process that lived shorter than this is not started again at once: that would only burn the machine.
const SHORT_LIFE: Duration = Duration::from_secs(1);
const RESTART_DELAY: Duration = Duration::from_millis(200);
/// Where `LISTEN_FDS` starts to count.
const LISTENER_DESCRIPTOR: i32 = 3;

/// What a child does.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Role {
    Server,
    Runner,
}

impl Role {
    /// For people, and for the name of its pid file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Runner => "runner",
        }
    }

    fn sub_command(self) -> &'static str {
        match self {
            Self::Server => "server-child",
            Self::Runner => "runner-child",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy)]
pub(super) enum Ended {
    Code(u8),
    Signal(Signal),
}

/// A child and its history.
pub(super) struct Child {
    role: Role,
    process: Option<Process>,
    due: Option<Instant>,
    failed_starts: VecDeque<Instant>,
    started_before: bool,
}

struct Process {
    pid: Pid,
    started: Instant,
    /// Its closing tells the child that the supervisor is gone.
    connection: UnixStream,
}

impl Child {
    pub(super) fn new(role: Role, wanted: bool) -> Self {
        let due = wanted.then(Instant::now);
        Self { role, process: None, due, failed_starts: VecDeque::new(), started_before: false }
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn is_process(&self, pid: Pid) -> bool {
        self.process.as_ref().is_some_and(|process| process.pid == pid)
    }

    /// When the next start is due.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Sends a signal, if there is a process to send it to. Its pid cannot have been reused: it was not reaped yet.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            let _ = kill(process.pid, signal);
        }
    }

    /// Starts the process and hands it its settings.
    pub(super) fn start(
        &mut self,
        settings: &Settings,
        secrets: &Secrets,
        listener: &TcpListener,
        folder: &mut DataFolder,
    ) -> anyhow::Result<()> {
        let name = self.role.name();
        let (ours, theirs) = UnixStream::pair().context("make a connection to a child")?;
        let mut command = Command::new(std::env::current_exe().context("find this executable")?);
        // A group of its own, or Ctrl-C in a terminal would end everything at once instead of in order.
        command.arg(self.role.sub_command()).stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0);
        clean_environment(&mut command);
        // Of the GNU C library. By itself it keeps for the process what one long value once took, in each thread anew.
        command.env("MALLOC_MMAP_THRESHOLD_", GIVEN_BACK_BYTES);
        if self.role == Role::Server {
            let parent_fd = listener.as_fd().try_clone_to_owned().context("share the listening socket")?;
            command.env("LISTEN_FDS", "1");
            command.fd_mappings(vec![FdMapping { parent_fd, child_fd: LISTENER_DESCRIPTOR }])?;
        }
        let process = command.spawn().with_context(|| format!("start the {name}"))?;
        let pid = Pid::from_raw(i32::try_from(process.id())?);
        self.process = Some(Process { pid, started: Instant::now(), connection: ours });
        self.due = None;
        // Before the child gets its settings and can do anything that others see.
        folder.write_pid(name, pid)?;
        let handover =
            Handover { settings: settings.clone(), secrets: secrets.clone(), first_start: !self.started_before };
        // A child that is already dead again is seen when it is reaped; so nothing is lost with this error.
        if let Some(process) = &self.process {
            let _ = handover.send(&process.connection);
        }
        Ok(())
    }

    /// Takes note that the process ended. Yields an exit code if it makes no sense to start it again.
    pub(super) fn ended(&mut self, ended: Ended, now: Instant, quiet: bool) -> Option<u8> {
        let process = self.process.take()?;
        let name = self.role.name();
        if let Ended::Code(code) = ended
            && FINAL_CODES.contains(&code)
        {
            return Some(code);
        }
        let had_started = handover::is_ready(&process.connection);
        self.started_before |= had_started;
        if !had_started {
            self.failed_starts.push_back(now);
            self.failed_starts.retain(|start| now.duration_since(*start) < FAILED_STARTS_WINDOW);
            if self.failed_starts.len() >= MOST_FAILED_STARTS {
                eprintln!("terrane: the {name} failed to start {MOST_FAILED_STARTS} times in a row; giving up");
                return Some(exit::FAILURE);
            }
        }
        let delay = if now.duration_since(process.started) < SHORT_LIFE { RESTART_DELAY } else { Duration::ZERO };
        self.due = Some(now + delay);
        if !quiet {
            let pid = process.pid;
            let how = match ended {
                Ended::Code(code) => format!("with code {code}"),
                Ended::Signal(signal) => format!("by {signal}"),
            };
            eprintln!("terrane: the {name} (pid {pid}) ended {how}; starting it again");
        }
        None
    }
}

/// Settings reach a child by its standard input only; a run must not find the database's password in its parent's environment.
fn clean_environment(command: &mut Command) {
    let is_for_tests = |name: &str| cfg!(debug_assertions) && name.starts_with("TERRANE_TEST_");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if (text.starts_with("TERRANE_") && !is_for_tests(&text)) || text.starts_with("LISTEN_") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child_that_ends() -> (Child, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut child = Child::new(Role::Server, true);
        child.process = Some(Process { pid: Pid::from_raw(1), started: Instant::now(), connection: ours });
        (child, theirs)
    }

    fn fail(child: &mut Child, now: Instant) -> Option<u8> {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        child.process = Some(Process { pid: Pid::from_raw(1), started: now, connection: ours });
        child.ended(Ended::Code(1), now, true)
    }

    #[test]
    fn a_final_code_is_passed_on() {
        for code in FINAL_CODES {
            let (mut child, _theirs) = child_that_ends();
            assert_eq!(child.ended(Ended::Code(code), Instant::now(), true), Some(code));
        }
    }

    #[test]
    fn the_fifth_failed_start_is_the_last() {
        let mut child = Child::new(Role::Runner, true);
        let now = Instant::now();
        for second in 0..4 {
            assert_eq!(fail(&mut child, now + Duration::from_secs(second)), None);
        }
        assert_eq!(fail(&mut child, now + Duration::from_secs(4)), Some(exit::FAILURE));
    }

    #[test]
    fn old_failed_starts_are_forgotten() {
        let mut child = Child::new(Role::Runner, true);
        let now = Instant::now();
        for start in 0..20 {
            assert_eq!(fail(&mut child, now + Duration::from_secs(start * 8)), None);
        }
    }

    #[test]
    fn a_child_that_worked_may_die_as_often_as_it_likes() {
        for _ in 0..10 {
            let (mut child, theirs) = child_that_ends();
            handover::send_ready(&theirs).unwrap();
            assert_eq!(child.ended(Ended::Signal(Signal::SIGKILL), Instant::now(), true), None);
            assert!(child.due_at().is_some());
        }
    }
}
