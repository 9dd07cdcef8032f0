//! What a run's first process gives up before it runs anything.

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

use super::{Failed, Settings};

/// Open files, processes and threads of the user, bytes of a core dump. The processes are a last barrier only: where
/// the user is not the run's own, they are counted with all others of that user.
const LIMITS: [(Resource, u64); 3] =
    [(Resource::RLIMIT_NOFILE, 65_536), (Resource::RLIMIT_NPROC, 4_096), (Resource::RLIMIT_CORE, 0)];

/// More than there are.
const CAPABILITIES: libc::c_ulong = 64;

fn limit(resource: Resource, most: u64) -> Result<(), Failed> {
    let (_, hard) = nix::sys::resource::getrlimit(resource).map_err(Failed::at("read a limit"))?;
    let most = most.min(hard);
    setrlimit(resource, most, most).map_err(Failed::at(&format!("limit {resource:?}")))
}

/// Becomes the run's user, without capabilities and without a way to new ones.
pub(super) fn give_up(settings: &Settings) -> Result<(), Failed> {
    close_bounds()?;
    if let Some(uid) = settings.uid {
        setgroups(&[]).map_err(Failed::at("leave all groups"))?;
        setgid(Gid::from_raw(uid)).map_err(Failed::at("change the group"))?;
        setuid(Uid::from_raw(uid)).map_err(Failed::at("change the user"))?;
    }
    drop_capabilities()?;
    for (resource, most) in LIMITS.into_iter().chain([(Resource::RLIMIT_FSIZE, settings.file_bytes)]) {
        limit(resource, most)?;
    }
    // The run may have our user: it is to reach neither our memory nor what we have open.
    nix::sys::prctl::set_dumpable(false).map_err(Failed::at("close our memory"))?;
    nix::sys::prctl::set_no_new_privs().map_err(Failed::at("forbid new privileges"))
}

/// No program that is started from now on gets a capability, whatever its file says.
#[expect(unsafe_code, reason = "no library that we have knows this set")]
fn close_bounds() -> Result<(), Failed> {
    for capability in 0..CAPABILITIES {
        // SAFETY: prctl is one system call, and with these numbers it touches no memory.
        match Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            // The first that this kernel does not know; or we have no right to, and so nothing to lose.
            Err(Errno::EINVAL | Errno::EPERM) => break,
            other => other.map_err(Failed::at("give up capabilities for good"))?,
        };
    }
    Ok(())
}

/// Header and sets as the system call has them.
#[repr(C)]
struct Capabilities {
    version: u32,
    pid: i32,
}

/// The version with two words for each set.
const VERSION: u32 = 0x2008_0522;

/// Those of this very process; in a user namespace it has all of them until then.
#[expect(unsafe_code, reason = "no library that we have knows this system call")]
fn drop_capabilities() -> Result<(), Failed> {
    let (header, none) = (Capabilities { version: VERSION, pid: 0 }, [0_u32; 6]);
    // SAFETY: the kernel reads a header and, in this version, six words, and both outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) };
    Errno::result(answer).map(drop).map_err(Failed::at("give up capabilities"))
}
