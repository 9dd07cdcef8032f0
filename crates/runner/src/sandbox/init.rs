//! The process that runs terraform: gives up every privilege before, and buries the dead. With namespaces it is the first
//! of them.

use std::io::PipeReader;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::rules::Rules;
use super::{
    Failed, Order, RUNNER_DIED, Settings, cgroups, die_with_parent, exit_code, filter, mounts, privileges, settings,
};

/// How a process ends that was interrupted.
const INTERRUPTED: u8 = 130;
/// How one ends that was killed.
const KILLED: u8 = 137;

/// Everything that holds for the run from now on and for good.
pub(super) fn restrict(settings: &Settings, rules: Option<Rules>) -> Result<(), Failed> {
    privileges::give_up(settings)?;
    if let Some(rules) = rules {
        rules.enforce()?;
    }
    filter::enforce()
}

/// The guardian may have died before: its id means nothing in this namespace, but its end of the pipe is closed then.
fn die_with_guardian(guardian: &PipeReader) -> Result<(), Failed> {
    die_with_parent()?;
    let mut state = [PollFd::new(guardian.as_fd(), PollFlags::empty())];
    poll(&mut state, PollTimeout::ZERO).map_err(Failed::at("look at the guardian"))?;
    if state[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)) {
        return Err(Failed("the guardian is gone".to_owned()));
    }
    Ok(())
}

/// The first process of the namespace.
pub(super) fn run(settings: &Settings, guardian: &PipeReader) -> Result<u8, Failed> {
    die_with_guardian(guardian)?;
    cgroups::enter(&settings.groups)?;
    // From now on the run's group is the only one that it sees.
    unshare(CloneFlags::CLONE_NEWCGROUP).map_err(Failed::at("make a namespace of control groups"))?;
    mounts::set_up(settings)?;
    let rules = settings.guard.landlock.then(|| Rules::inside(settings)).transpose()?;
    restrict(settings, rules)?;
    die_with_guardian(guardian)?;
    run_order()
}

/// Waits for what is to run, and runs it to its end, which is answered as an exit code.
#[expect(unsafe_code, reason = "what the child does before it becomes terraform can only be said so")]
pub(super) fn run_order() -> Result<u8, Failed> {
    let Some(order) = settings::read::<Order>()? else { return Ok(0) };
    if was_interrupted()? {
        return Ok(INTERRUPTED);
    }
    let mut command = Command::new(&order.program);
    command
        .args(&order.arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.working_directory)
        .stdin(Stdio::null());
    // SAFETY: prctl is one system call and touches no memory.
    unsafe { command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)) };
    let signals: SigSet = [Signal::SIGCHLD, RUNNER_DIED].into_iter().collect();
    let told = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).map_err(Failed::at("look for signals"))?;
    // Every death from now on is told, also one that comes between two looks.
    SigSet::from(Signal::SIGCHLD).thread_block().map_err(Failed::at("block signals"))?;
    let mut child = command.spawn().map_err(Failed::at(&format!("start {}", order.program.display())))?;
    let pid = child.id();
    loop {
        // Looks without taking: terraform itself is left to `wait`, everything else that was orphaned is buried.
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG) {
            Ok(WaitStatus::Exited(dead, _) | WaitStatus::Signaled(dead, _, _)) => {
                if u32::try_from(dead.as_raw()) == Ok(pid) {
                    return child.wait().map(exit_code).map_err(Failed::at("wait for terraform"));
                }
                let _ = waitid(Id::Pid(dead), WaitPidFlag::WEXITED);
            }
            Ok(_) => match told.read_signal() {
                Ok(Some(signal)) if signal.ssi_signo == RUNNER_DIED as u32 => {
                    end_orphans();
                    return Ok(KILLED);
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Failed(format!("look for signals: {error}"))),
            },
            Err(Errno::EINTR) => {}
            Err(error) => return Err(Failed(format!("wait: {error}"))),
        }
    }
}

/// Whether an interrupt came before there was a terraform to act on it.
fn was_interrupted() -> Result<bool, Failed> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let arrived = SignalFd::with_flags(&signals, flags).and_then(|arrived| arrived.read_signal());
    arrived.map(|signal| signal.is_some()).map_err(Failed::at("look for signals"))
}

/// Kills all that the run started and that still lives, where no namespace ends with it. The children of what is killed become ours in turn.
pub(super) fn end_orphans() {
    let list = format!("/proc/self/task/{}/children", std::process::id());
    loop {
        let children = std::fs::read_to_string(&list).unwrap_or_default();
        let pids: Vec<Pid> =
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect();
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            if kill(pid, Signal::SIGKILL).is_err() {
                return;
            }
            let _ = waitpid(pid, None);
        }
    }
}
