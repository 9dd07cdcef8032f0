//! The first process of a run's namespace: sets it up, gives up every privilege, runs terraform, and buries the dead.

use std::os::fd::AsFd as _;
use std::process::{Command, ExitStatus, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

use super::{Failed, Settings, die_with_parent, leave_interrupts_to_child, mounts};

const GIB: u64 = 1 << 30;

/// Open files, processes and threads of the user, bytes of one file, bytes of a core dump.
const LIMITS: &[(Resource, u64)] = &[
    (Resource::RLIMIT_NOFILE, 65_536),
    (Resource::RLIMIT_NPROC, 4_096),
    (Resource::RLIMIT_FSIZE, 10 * GIB),
    (Resource::RLIMIT_CORE, 0),
];

fn limit(resource: Resource, most: u64) -> Result<(), Failed> {
    let (_, hard) = nix::sys::resource::getrlimit(resource).map_err(Failed::at("read a limit"))?;
    let most = most.min(hard);
    setrlimit(resource, most, most).map_err(Failed::at(&format!("limit {resource:?}")))
}

fn give_up_privileges(settings: &Settings) -> Result<(), Failed> {
    if let Some(uid) = settings.uid {
        setgroups(&[]).map_err(Failed::at("leave all groups"))?;
        setgid(Gid::from_raw(uid)).map_err(Failed::at("change the group"))?;
        setuid(Uid::from_raw(uid)).map_err(Failed::at("change the user"))?;
    }
    for (resource, most) in LIMITS {
        limit(*resource, *most)?;
    }
    nix::sys::prctl::set_no_new_privs().map_err(Failed::at("forbid new privileges"))
}

/// The guardian may have died before: its id means nothing in this namespace, but its end of standard input is closed
/// then.
fn die_with_guardian() -> Result<(), Failed> {
    die_with_parent()?;
    let input = std::io::stdin();
    let mut state = [PollFd::new(input.as_fd(), PollFlags::empty())];
    poll(&mut state, PollTimeout::ZERO).map_err(Failed::at("look at the guardian"))?;
    if state[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)) {
        return Err(Failed("the guardian is gone".to_owned()));
    }
    Ok(())
}

pub(super) fn run(settings: &Settings) -> Result<ExitStatus, Failed> {
    die_with_guardian()?;
    leave_interrupts_to_child()?;
    mounts::set_up(settings)?;
    give_up_privileges(settings)?;
    // A change of the user forgets it.
    die_with_guardian()?;
    let (program, arguments) =
        settings.command.split_first().ok_or_else(|| Failed("there is no command".to_owned()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&settings.working_directory)
        .stdin(Stdio::null())
        .spawn()
        .map_err(Failed::at(&format!("start {program}")))?;
    let pid = child.id();
    loop {
        // Looks without taking: terraform itself is left to `wait`, everything else that was orphaned is buried.
        match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::Exited(dead, _) | WaitStatus::Signaled(dead, _, _)) => {
                if u32::try_from(dead.as_raw()) == Ok(pid) {
                    return child.wait().map_err(Failed::at("wait for terraform"));
                }
                let _ = waitid(Id::Pid(dead), WaitPidFlag::WEXITED);
            }
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(Failed(format!("wait: {error}"))),
        }
    }
}
