//! A disk that is slow to sync: a preloaded library adds 5 ms to each fsync and counts them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const SOURCE: &str = include_str!("slow_fsync.c");
/// What is added, in seconds.
pub(super) const DELAY: f64 = 0.005;

/// The library and its count.
pub(super) struct SlowFsync {
    library: PathBuf,
    count: PathBuf,
}

impl SlowFsync {
    /// Compiles the library, or tells why that cannot be done.
    pub(super) fn build(folder: &Path) -> Result<Self> {
        let (source, library) = (folder.join("slow_fsync.c"), folder.join("slow_fsync.so"));
        fs::write(&source, SOURCE)?;
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl");
        let output = command.stdin(Stdio::null()).output().context("no C compiler")?;
        ensure!(output.status.success(), "cc failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(Self { library, count: folder.join("fsyncs") })
    }

    /// What a program's environment must hold. Not by a name that begins with TERRANE: the supervisor's children do
    /// not get those.
    pub(super) fn environment(&self) -> [(&str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("BENCH_FSYNC_COUNT", &self.count)]
    }

    /// How many were slowed down so far.
    pub(super) fn count(&self) -> u64 {
        fs::metadata(&self.count).map_or(0, |metadata| metadata.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::Folder;

    #[test]
    fn a_sync_is_slowed_down_and_counted() {
        let folder = Folder::create("terrane-xtask-fsync").unwrap();
        let Ok(slow) = SlowFsync::build(folder.path()) else { return };
        let mut command = Command::new("dd");
        command
            .args(["if=/dev/zero", "bs=1", "count=1", "conv=fsync"])
            .arg(format!("of={}/x", folder.path().display()));
        let start = std::time::Instant::now();
        assert!(command.envs(slow.environment()).stderr(Stdio::null()).status().unwrap().success());
        assert!(start.elapsed().as_secs_f64() >= DELAY);
        assert_eq!(slow.count(), 1);
    }
}
