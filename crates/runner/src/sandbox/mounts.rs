//! What a run sees of the file system: everything that others may see, less the hidden folders, plus its own.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use super::{Failed, Settings};

/// The folders to cover: the hidden ones, and the outermost folder on the way to the run's own that others may not pass.
/// None lies inside another.
fn covers(settings: &Settings) -> Vec<PathBuf> {
    let is_closed =
        |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0);
    let mut ancestors: Vec<&Path> = settings.folder.ancestors().skip(1).collect();
    ancestors.reverse();
    let closed = ancestors.into_iter().find(|path| *path != Path::new("/") && is_closed(path));
    let mut covers: Vec<PathBuf> = settings.hidden.iter().cloned().chain(closed.map(Path::to_owned)).collect();
    covers.retain(|path| path.is_dir());
    covers.sort();
    covers.dedup();
    let outer = covers.clone();
    covers.retain(|path| !outer.iter().any(|other| other != path && path.starts_with(other)));
    covers
}

/// Covers the hidden folders by empty ones and puts the run's folder back at its place; makes a `/proc` that shows the
/// run's own processes only.
pub(super) fn set_up(settings: &Settings) -> Result<(), Failed> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(Failed::at("make mounts private"))?;
    let covers = covers(settings);
    let program = Path::new(settings.command.first().map_or("", String::as_str));
    if let Some(cover) = covers.iter().find(|cover| program.starts_with(cover)) {
        return Err(Failed(format!(
            "{} lies in {}, which runs may not see; install it elsewhere",
            program.display(),
            cover.display()
        )));
    }
    let folder = open_folder(&settings.folder)?;
    for cover in &covers {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("terrane"), cover, Some("tmpfs"), flags, Some("mode=0755,size=1m"))
            .map_err(Failed::at(&format!("cover {}", cover.display())))?;
    }
    if covers.iter().any(|cover| settings.folder.starts_with(cover)) {
        std::fs::create_dir_all(&settings.folder).map_err(Failed::at("make the way to the run's folder"))?;
        let source = format!("/proc/self/fd/{}", folder.as_raw_fd());
        mount(Some(source.as_str()), &settings.folder, none, MsFlags::MS_BIND, none)
            .map_err(Failed::at("put the run's folder back"))?;
    }
    for cover in &covers {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(none, cover, none, flags, none).map_err(Failed::at(&format!("seal {}", cover.display())))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, none).map_err(Failed::at("mount /proc"))
}

fn open_folder(path: &Path) -> Result<File, Failed> {
    OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_PATH | nix::libc::O_DIRECTORY | nix::libc::O_CLOEXEC)
        .open(path)
        .map_err(Failed::at("open the run's folder"))
}
