//! Child processes that do not outlive this one: they are stopped when their guard is dropped, and on SIGINT, SIGTERM
//! and SIGHUP.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::temporary;

const POLL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(10);

static RUNNING: Mutex<Vec<Handle>> = Mutex::new(Vec::new());
static STOPPING: AtomicBool = AtomicBool::new(false);

/// How a child is asked to end. What does not obey in time is killed with its whole process group.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    /// SIGTERM to the child and all it started.
    Group,
    /// SIGTERM to the child alone, which ends its own children.
    Child,
    /// SIGINT to the child alone: the fast shutdown of PostgreSQL.
    Interrupt,
}

#[derive(Clone)]
struct Handle {
    pid: u32,
    child: Arc<Mutex<Child>>,
    stop: Stop,
}

/// A child that runs until it ends or this guard is dropped.
pub(crate) struct Running(Handle);

impl Running {
    /// Starts a child in a process group of its own and with nothing to read from.
    pub(crate) fn start(command: &mut Command, stop: Stop) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child =
            command.process_group(0).stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {name}"))?;
        let handle = Handle { pid: child.id(), child: Arc::new(Mutex::new(child)), stop };
        lock(&RUNNING).push(handle.clone());
        Ok(Self(handle))
    }

    /// The reading end of the child's output, if it was piped and nobody took it.
    pub(crate) fn take_output(&mut self) -> Option<ChildStdout> {
        lock(&self.0.child).stdout.take()
    }

    /// How the child ended, if it has.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        self.0.ended()
    }

    /// Waits for the child to end.
    pub(crate) fn wait(&self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
    }

    /// Waits for the child to end, but not for ever.
    pub(crate) fn wait_at_most(&self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            thread::sleep(POLL);
        }
        Ok(None)
    }

    /// Waits as [`Running::wait_at_most`] does, but looks every millisecond: for children whose time is measured.
    pub(crate) fn wait_closely(&self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(None)
    }

    /// The child's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Asks the child to end and waits until it has.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
        lock(&RUNNING).retain(|handle| handle.pid != self.0.pid);
    }
}

impl Handle {
    fn ended(&self) -> Result<Option<ExitStatus>> {
        let ended = lock(&self.child).try_wait().context("cannot wait for a child")?;
        if ended.is_some() && STOPPING.load(Ordering::SeqCst) && thread::current().name() == Some("main") {
            // The other thread ends the process once everything is stopped.
            thread::park();
        }
        Ok(ended)
    }

    fn stop(&self) {
        let gone = || lock(&self.child).try_wait().map_or(true, |status| status.is_some());
        if gone() {
            return;
        }
        match self.stop {
            Stop::Group => signal("TERM", &format!("-{}", self.pid)),
            Stop::Child => signal("TERM", &self.pid.to_string()),
            Stop::Interrupt => signal("INT", &self.pid.to_string()),
        }
        let deadline = Instant::now() + GRACE;
        while !gone() {
            if Instant::now() > deadline {
                signal("KILL", &format!("-{}", self.pid));
            }
            thread::sleep(POLL);
        }
    }
}

/// Runs a child to its end with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    Running::start(command, Stop::Group)?.wait()
}

/// Runs a child to its end and returns its output, or `None` if it cannot be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// From now on a signal that would end this process stops all children first.
pub(crate) fn stop_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen for signals")?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Some(number) = signals.forever().next() else { return };
        STOPPING.store(true, Ordering::SeqCst);
        eprintln!("stopping");
        let running = lock(&RUNNING).clone();
        running.iter().rev().for_each(Handle::stop);
        temporary::remove_all();
        std::process::exit(128 + number);
    })?;
    Ok(())
}

/// Goes no further once a signal has come: the other thread ends the process when everything is stopped.
pub(crate) fn heed_signals() {
    while STOPPING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Sends a signal by the shell's own `kill`, which is there where no program of that name is installed.
pub(crate) fn signal(name: &str, target: &str) {
    // It fails when the target has just ended, which is what was wanted.
    let _ = Command::new("sh").args(["-c", r#"kill -s "$0" -- "$1""#, name, target]).stderr(Stdio::null()).status();
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_guard_stops_the_whole_group() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo $!; wait"]).stdout(Stdio::piped());
        let mut running = Running::start(&mut command, Stop::Group).unwrap();
        let mut line = String::new();
        let output = running.take_output().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        running.stop();
        let alive = || Command::new("sh").args(["-c", r#"kill -0 "$0""#, line.trim()]).stderr(Stdio::null()).status();
        let deadline = Instant::now() + GRACE;
        while alive().unwrap().success() && !is_zombie(line.trim()) {
            assert!(Instant::now() < deadline, "the grandchild still runs");
            thread::sleep(POLL);
        }
    }

    fn is_zombie(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_child_that_fails_tells_how() {
        assert_eq!(run(Command::new("sh").args(["-c", "exit 3"])).unwrap().code(), Some(3));
        assert_eq!(output_of(Command::new("sh").args(["-c", "exit 3"])), None);
        assert!(run(&mut Command::new("/nowhere/at/all")).is_err());
    }
}
