//! The devices that a run has: those that belong to nobody. Disks, terminals of others and the rest of `/dev` are not
//! there, whatever groups the run's user is in.

use std::os::unix::fs::symlink;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use super::Failed;
use super::mounts::{NONE, PLAIN, bind, empty, hold, place, way};

const FOLDER: &str = "/dev";
/// For memory that the processes of a run share.
pub(super) const SHARED: &str = "/dev/shm";
const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// Whether the folder is one in shared memory.
pub(super) fn is_inside(path: &Path) -> bool {
    path.starts_with(SHARED)
}

/// Puts a folder with these devices in the place of `/dev`.
pub(super) fn set_up() -> Result<(), Failed> {
    let folder = Path::new(FOLDER);
    let nodes = NODES.map(|name| folder.join(name)).into_iter().filter(|path| path.exists());
    let nodes = nodes.map(|path| hold(&path).map(|held| (path, held))).collect::<Result<Vec<_>, Failed>>()?;
    // Not sealed: what can be made in it goes with the run, is small, and Landlock forbids it.
    empty(folder, "mode=0755,size=64k")?;
    for (path, held) in &nodes {
        bind(held, &place(&way(folder, path, false)?))?;
    }
    for (target, link) in LINKS {
        symlink(target, link).map_err(Failed::at(&format!("make {link}")))?;
    }
    way(folder, Path::new(SHARED), true)?;
    empty(Path::new(SHARED), "mode=1777,size=64m")?;
    let quiet = PLAIN | MsFlags::MS_NOEXEC;
    for (kind, path, flags, options) in [
        ("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some("newinstance,ptmxmode=0666,mode=620")),
        ("mqueue", "/dev/mqueue", quiet, NONE),
    ] {
        way(folder, Path::new(path), true)?;
        match mount(Some(kind), path, Some(kind), flags, options) {
            // A kernel without them has nothing to share by them.
            Ok(()) | Err(Errno::ENODEV) => {}
            Err(error) => return Err(Failed::at(&format!("mount {path}"))(error)),
        }
    }
    Ok(())
}
