//! The view of a run by mounts in a namespace of its own.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, mkdirat};

use super::view::{TEMPORARY, View};
use super::{Failed, Settings, devices};

/// Sockets of services that start processes outside for whoever may speak to them. The groups that open them cannot be
/// left without being root.
const DOORS: [&str; 3] = ["/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock"];

/// Files that tell of the kernel's memory, keys and timers, or reach them. Who is not root reads few of them anyway.
const KERNEL: [&str; 7] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
];

pub(super) const NONE: Option<&str> = None;
pub(super) const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Covers the hidden folders by empty ones, gives the run a `/tmp` and a `/dev` of its own, and puts its folder and the
/// engine back at their places; makes a `/proc` that shows the run's own processes only. Nowhere else may it write.
pub(super) fn set_up(settings: &Settings) -> Result<(), Failed> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).map_err(Failed::at("make mounts private"))?;
    let mut view = View::of(settings);
    // With the rest of it.
    view.covers.retain(|cover| !devices::is_inside(cover));
    let temporary = hold(&settings.temporary)?;
    let own = [&settings.folder].into_iter().chain(&settings.writable);
    let own = own.map(|path| hold(path).map(|held| (path, held))).collect::<Result<Vec<_>, Failed>>()?;
    let shown = view.shown.iter().map(|path| hold(path).map(|held| (path, held)));
    let shown = shown.collect::<Result<Vec<_>, Failed>>()?;
    forbid_writing(Path::new("/"))?;
    devices::set_up()?;
    let nothing = hold(Path::new("/dev/null"))?;
    let close = |path: &str| if Path::new(path).exists() { bind(&nothing, Path::new(path)) } else { Ok(()) };
    DOORS.into_iter().try_for_each(close)?;
    for cover in &view.covers {
        if is_temporary(cover) {
            bind(&temporary, cover)?;
            allow_writing(cover)?;
        } else {
            empty(cover, "mode=0755,size=1m")?;
        }
    }
    for (path, held) in &own {
        match view.cover_of(path) {
            Some(cover) => bind(held, &place(&way(cover, path, true)?))?,
            None if devices::is_inside(path) => bind(held, &place(&way(Path::new(devices::SHARED), path, true)?))?,
            // A mount of its own is needed to be told apart from what is around it.
            None => bind(held, path)?,
        }
        allow_writing(path)?;
    }
    for (path, held) in &shown {
        if let Some(cover) = view.cover_of(path) {
            bind(held, &place(&way(cover, path, path_is_folder(held))?))?;
            forbid_writing(path)?;
        }
    }
    for cover in view.covers.iter().filter(|cover| !is_temporary(cover)) {
        seal(cover)?;
    }
    mount(Some("proc"), "/proc", Some("proc"), PLAIN | MsFlags::MS_NOEXEC, NONE).map_err(Failed::at("mount /proc"))?;
    KERNEL.into_iter().try_for_each(close)
}

/// Puts an empty folder over another.
pub(super) fn empty(path: &Path, options: &str) -> Result<(), Failed> {
    mount(Some("terrane"), path, Some("tmpfs"), PLAIN, Some(options))
        .map_err(Failed::at(&format!("cover {}", path.display())))
}

/// Makes what was put over a folder readable only.
pub(super) fn seal(path: &Path) -> Result<(), Failed> {
    let flags = PLAIN | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(NONE, path, NONE, flags, NONE).map_err(Failed::at(&format!("seal {}", path.display())))
}

fn is_temporary(cover: &Path) -> bool {
    TEMPORARY.iter().any(|name| Path::new(name).canonicalize().is_ok_and(|path| path == cover))
}

/// Keeps hold of what will be covered.
pub(super) fn hold(path: &Path) -> Result<OwnedFd, Failed> {
    open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).map_err(Failed::at(&format!("open {}", path.display())))
}

/// A name for what we hold.
pub(super) fn place(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

fn path_is_folder(held: &OwnedFd) -> bool {
    place(held).is_dir()
}

pub(super) fn bind(held: &OwnedFd, target: &Path) -> Result<(), Failed> {
    mount(Some(&place(held)), target, NONE, MsFlags::MS_BIND, NONE)
        .map_err(Failed::at(&format!("put a folder at {}", target.display())))
}

/// Makes the way from a cover to a folder or file inside of it. The run may have laid links there, which are not
/// followed: this may be root still.
pub(super) fn way(cover: &Path, path: &Path, is_folder: bool) -> Result<OwnedFd, Failed> {
    let step = |error: Errno| Failed(format!("make the way to {}: {error}", path.display()));
    let base = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let folder = OFlag::O_PATH | OFlag::O_DIRECTORY | base;
    let mut at = open(cover, folder, Mode::empty()).map_err(step)?;
    let rest = path.strip_prefix(cover).unwrap_or(Path::new(""));
    let mut parts = rest.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(step(Errno::EINVAL)) };
        if parts.peek().is_none() && !is_folder {
            let made = OFlag::O_CREAT | OFlag::O_RDONLY | OFlag::O_NONBLOCK | base;
            return openat(&at, name, made, Mode::from_bits_truncate(0o444)).map_err(step);
        }
        match mkdirat(&at, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(step(error)),
        }
        at = openat(at.as_fd(), name, folder, Mode::empty()).map_err(step)?;
    }
    Ok(at)
}

/// Of everything below, too.
fn forbid_writing(path: &Path) -> Result<(), Failed> {
    set_attributes(path, libc::MOUNT_ATTR_RDONLY, 0, libc::AT_RECURSIVE)
        .map_err(Failed::at(&format!("forbid writing to {}", path.display())))
}

fn allow_writing(path: &Path) -> Result<(), Failed> {
    match set_attributes(path, 0, libc::MOUNT_ATTR_RDONLY, 0) {
        // No mount of its own, or one that we may not change: it stays as it is.
        Ok(()) | Err(Errno::EINVAL | Errno::EPERM) => Ok(()),
        Err(error) => Err(Failed(format!("allow writing to {}: {error}", path.display()))),
    }
}

/// No link is followed: a run that has the same folder may be at work.
#[expect(unsafe_code, reason = "no library has this system call")]
fn set_attributes(path: &Path, set: u64, clear: u64, flags: i32) -> Result<(), Errno> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let held = openat2(AT_FDCWD, path, how)?;
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    let (size, flags) = (size_of::<libc::mount_attr>(), flags | libc::AT_EMPTY_PATH);
    // SAFETY: the path is empty and ends with a zero byte, the kernel reads `size` bytes of the attributes, and both
    // outlive the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_mount_setattr, held.as_raw_fd(), c"".as_ptr(), flags, &raw const attributes, size)
    };
    Errno::result(answer).map(drop)
}
