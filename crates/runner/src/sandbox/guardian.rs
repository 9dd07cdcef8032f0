//! The outer process of a sandbox.

use std::io::{PipeReader, PipeWriter};

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getgid, getuid};

use super::rules::Rules;
use super::{
    Failed, Guard, Settings, cgroups, die_with_runner, hear_of_runners_death, init, leave_interrupts_to_child, told,
};

/// Runs terraform as the settings want it; answers its exit code.
pub(super) fn run(settings: &Settings) -> Result<u8, Failed> {
    die_with_runner(settings)?;
    leave_interrupts_to_child()?;
    match settings.guard {
        Guard { namespaces: true, .. } => in_namespaces(settings),
        Guard { landlock: true, .. } => here(settings),
        Guard::OFF => until_runner_dies(settings),
    }
}

/// Runs terraform as a child of this process, which gives up everything before. What the run leaves behind becomes ours
/// to end.
fn here(settings: &Settings) -> Result<u8, Failed> {
    cgroups::enter(&settings.groups)?;
    let rules = Rules::outside(settings)?;
    init::restrict(settings, Some(rules))?;
    let ended = until_runner_dies(settings);
    init::end_orphans();
    ended
}

/// Runs terraform where no namespace ends with it. We must outlive the runner for as long as it takes to end what it
/// started; while there is nothing yet, the end of our input tells that it is gone.
fn until_runner_dies(settings: &Settings) -> Result<u8, Failed> {
    nix::sys::prctl::set_child_subreaper(true).map_err(Failed::at("take in orphans"))?;
    hear_of_runners_death(settings)?;
    init::run_order()
}

fn in_namespaces(settings: &Settings) -> Result<u8, Failed> {
    let spaces =
        CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if getuid().is_root() {
        unshare(spaces).map_err(Failed::at("make namespaces"))?;
    } else {
        let (uid, gid) = (getuid(), getgid());
        unshare(spaces | CloneFlags::CLONE_NEWUSER).map_err(Failed::at("make a user namespace"))?;
        let map = |file: &str, text: String| {
            std::fs::write(format!("/proc/self/{file}"), text).map_err(Failed::at(&format!("write {file}")))
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("{uid} {uid} 1"))?;
        map("gid_map", format!("{gid} {gid} 1"))?;
        die_with_runner(settings)?;
    }
    // The writing end stays here: its closing tells the init that we are gone.
    let (reader, writer) = std::io::pipe().map_err(Failed::at("make a pipe"))?;
    let (init, writer) = fork(settings, reader, writer)?;
    let ended = loop {
        match waitpid(init, None) {
            Ok(WaitStatus::Exited(_, code)) => break Ok(u8::try_from(code).unwrap_or(1)),
            Ok(WaitStatus::Signaled(_, signal, _)) => break Ok(128 + u8::try_from(signal as i32).unwrap_or(0)),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => break Err(Failed(format!("wait for the first process of the namespace: {error}"))),
        }
    };
    drop(writer);
    ended
}

/// Starts the first process of the namespace. It is a copy of this one and no new start of the program: the capabilities
/// over a user namespace do not outlast that, and it would take time.
#[expect(unsafe_code, reason = "there is no safe fork")]
fn fork(settings: &Settings, reader: PipeReader, writer: PipeWriter) -> Result<(Pid, PipeWriter), Failed> {
    // SAFETY: this process has never had a second thread, so the copy finds no lock held and nothing half done.
    match unsafe { nix::unistd::fork() }.map_err(Failed::at("start the first process of the namespace"))? {
        ForkResult::Parent { child } => {
            drop(reader);
            Ok((child, writer))
        }
        ForkResult::Child => {
            drop(writer);
            std::process::exit(i32::from(told(init::run(settings, &reader))))
        }
    }
}
