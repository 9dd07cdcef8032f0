//! Folders that are removed when they are no longer needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result};

use crate::children::lock;

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder under the system's temporary one. Its name ends with this process's id, so that what a killed process
/// left behind is known.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder, and removes those of the same name that dead processes left.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let parent = std::env::temp_dir();
        remove_leftovers(&parent, name);
        let path = parent.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        lock(&FOLDERS).push(path.clone());
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        lock(&FOLDERS).retain(|folder| *folder != self.0);
    }
}

/// Removes all folders at once, before the process ends without dropping them.
pub(crate) fn remove_all() {
    for folder in lock(&FOLDERS).drain(..) {
        let _ = fs::remove_dir_all(folder);
    }
}

fn remove_leftovers(parent: &Path, name: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let pid = file_name.to_str().and_then(|file_name| file_name.strip_prefix(name)?.strip_prefix('-'));
        let Some(pid) = pid.filter(|pid| pid.parse::<u32>().is_ok()) else { continue };
        if Path::new("/proc/self").exists() && !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_guard_and_leftovers_with_the_next_one() {
        let leftover = std::env::temp_dir().join("terrane-xtask-folder-4294967295");
        fs::create_dir_all(&leftover).unwrap();
        let folder = Folder::create("terrane-xtask-folder").unwrap();
        assert!(folder.path().exists());
        assert!(!leftover.exists());
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
