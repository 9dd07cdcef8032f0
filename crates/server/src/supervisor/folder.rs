//! The data folder: made if missing, used by one supervisor at a time, with the pids of the children in it.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::unistd::Pid;

use crate::exit::Fatal;
use crate::files;

const LOCK_NAME: &str = "terrane.lock";
const FOLDER_MODE: u32 = 0o700;

/// The folder, locked while this lives.
pub(super) struct DataFolder {
    path: PathBuf,
    pid_files: Vec<PathBuf>,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if it is missing and takes its lock.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(path)
            .with_context(|| format!("make the data folder {}", path.display()))?;
        let lock_path = path.join(LOCK_NAME);
        let lock = take_lock(&lock_path, path)?;
        Ok(Self { path: path.to_owned(), pid_files: Vec::new(), _lock: lock })
    }

    /// Writes `NAME.pid`; removed when the supervisor ends.
    pub(super) fn write_pid(&mut self, name: &str, pid: Pid) -> anyhow::Result<()> {
        let path = self.path.join(format!("{name}.pid"));
        files::replace(&path, format!("{pid}\n").as_bytes(), files::PUBLIC)
            .with_context(|| format!("write {}", path.display()))?;
        if !self.pid_files.contains(&path) {
            self.pid_files.push(path);
        }
        Ok(())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        for path in &self.pid_files {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn take_lock(lock_path: &Path, folder: &Path) -> anyhow::Result<File> {
    let mut lock = files::open_lock(lock_path).with_context(|| format!("open {}", lock_path.display()))?;
    match lock.try_lock() {
        Ok(()) => {
            lock.set_len(0)?;
            writeln!(lock, "{}", std::process::id())?;
            Ok(lock)
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            lock.rewind()?;
            lock.read_to_string(&mut holder)?;
            Err(Fatal::InUse(format!(
                "the data folder {} is in use by another terrane (pid {}); stop it, or name another folder with --data-dir",
                folder.display(),
                holder.trim()
            ))
            .into())
        }
    }
}
