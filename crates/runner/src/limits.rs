//! What a run may use, and what happens to one that wants more.
//!
//! Where there are control groups, the kernel holds memory and processes; everything else is watched from here.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::Phase;
use tokio::time::Instant;

use crate::RunnerError;
use crate::sandbox::Resource;

/// How often is looked. A look at a large folder takes long: the next one waits for [`REST`] times as long.
const LOOK: Duration = Duration::from_secs(1);
const REST: u32 = 10;
/// A file takes room even if it is empty.
const MAX_FILES: u64 = 1_000_000;
/// How long a run that was asked to end may take to save its state.
const GRACE: Duration = Duration::from_mins(1);

/// What a run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunLimits {
    /// Memory of all its processes together, in bytes.
    pub memory_bytes: u64,
    /// Bytes of providers that are kept for later runs, of all together; none if 0.
    pub provider_cache_bytes: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// Its folder, temporary files with it, in bytes.
    pub disk_bytes: u64,
    /// The longest log of a phase, in bytes. More is left out, and ends no run.
    pub log_bytes: u64,
    /// How long a plan may take.
    pub plan_time: Duration,
    /// How long an apply may take.
    pub apply_time: Duration,
}

impl Default for RunLimits {
    /// HCP Terraform's own, where it has them. Of a log, a flood of 100 MB passes whole, with all that structured lines add
    /// to it; and a run may keep as much on our disk by its state or its plan.
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            provider_cache_bytes: 10 << 30,
            processes: 512,
            disk_bytes: 10 << 30,
            log_bytes: 256 << 20,
            plan_time: Duration::from_hours(2),
            apply_time: Duration::from_hours(24),
        }
    }
}

/// A limit that a run came up against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Memory,
    Processes,
    Disk,
    Files,
    Time(Phase),
}

impl From<Resource> for Exceeded {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::Memory => Self::Memory,
            Resource::Processes => Self::Processes,
        }
    }
}

impl Exceeded {
    /// How long the run has to end in order; nothing if waiting would do harm.
    pub(crate) fn grace(self) -> Option<Duration> {
        matches!(self, Self::Time(_)).then_some(GRACE)
    }

    /// What the run is told: the limit, and what to do.
    pub(crate) fn explain(self, limits: &RunLimits) -> RunnerError {
        let (reason, used, flag) = match self {
            Self::Memory => {
                (ReasonCode::OutOfMemory, format!("more than {} of memory", size(limits.memory_bytes)), "memory")
            }
            Self::Processes => {
                (ReasonCode::ProcessLimit, format!("more than {} processes and threads", limits.processes), "processes")
            }
            Self::Disk => (ReasonCode::DiskFull, format!("more than {} of disk", size(limits.disk_bytes)), "disk"),
            Self::Files => (ReasonCode::DiskFull, format!("more than {MAX_FILES} files"), "disk"),
            Self::Time(phase) => {
                let (time, flag) = match phase {
                    Phase::Plan => (limits.plan_time, "plan-time"),
                    Phase::Apply => (limits.apply_time, "apply-time"),
                };
                (ReasonCode::TimeLimit, format!("more than {} for the {phase}", duration(time)), flag)
            }
        };
        let raise = match self {
            Self::Files => "This number is fixed; let the configuration write fewer files".to_owned(),
            _ => format!("Let whoever runs the server raise --run-{flag}, or split the configuration"),
        };
        RunnerError::job(
            reason,
            format!("The run took {used}, the most that a run may have, and was ended. {raise}, then queue a new run."),
        )
    }
}

fn size(bytes: u64) -> String {
    let (gib, mib) = (bytes >> 30, bytes >> 20);
    if gib << 30 == bytes { format!("{gib} GiB") } else { format!("{mib} MiB") }
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{} h", seconds / 3600),
        (_, 0) => format!("{} min", seconds / 60),
        _ => format!("{seconds} s"),
    }
}

/// What is watched of one start.
pub(crate) struct Watch<'a> {
    pub(crate) limits: &'a RunLimits,
    pub(crate) phase: Phase,
    /// When the phase is to have ended.
    pub(crate) until: Instant,
    pub(crate) folder: &'a Path,
    /// The sandbox's outer process, if memory and processes are not the kernel's to count.
    pub(crate) process: Option<u32>,
}

impl Watch<'_> {
    /// Ends when the run has come up against a limit.
    pub(crate) async fn exceeded(&self) -> Exceeded {
        tokio::select! {
            () = tokio::time::sleep_until(self.until) => Exceeded::Time(self.phase),
            exceeded = self.watch() => exceeded,
        }
    }

    async fn watch(&self) -> Exceeded {
        let mut pause = LOOK;
        loop {
            tokio::time::sleep(pause).await;
            let (began, folder, process) = (Instant::now(), self.folder.to_owned(), self.process);
            let looked = tokio::task::spawn_blocking(move || (usage(&folder), process.map(tree_of))).await;
            let Ok(((bytes, files), tree)) = looked else { continue };
            if bytes > self.limits.disk_bytes {
                return Exceeded::Disk;
            }
            if files > MAX_FILES {
                return Exceeded::Files;
            }
            if let Some((memory, processes)) = tree {
                if memory > self.limits.memory_bytes {
                    return Exceeded::Memory;
                }
                if processes > self.limits.processes {
                    return Exceeded::Processes;
                }
            }
            pause = LOOK.max(began.elapsed() * REST);
        }
    }
}

/// Bytes on disk and number of files in a folder. What comes or goes meanwhile is counted or not.
fn usage(folder: &Path) -> (u64, u64) {
    let (mut bytes, mut files) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            bytes += metadata.blocks() * 512;
            files += 1;
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    (bytes, files)
}

/// Bytes in memory and number of threads of a process and all that descend from it.
fn tree_of(root: u32) -> (u64, u64) {
    let mut children: HashMap<u32, Vec<(u32, u64, u64)>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some((parent, threads, pages)) = stat(pid) else { continue };
        children.entry(parent).or_default().push((pid, threads, pages));
    }
    let (mut bytes, mut threads, mut left) = (0, 0, vec![root]);
    while let Some(pid) = left.pop() {
        for (child, its_threads, pages) in children.remove(&pid).unwrap_or_default() {
            bytes += pages * page_size();
            threads += its_threads;
            left.push(child);
        }
    }
    (bytes, threads)
}

/// Parent, threads and pages in memory of a process; of the latter those only that it does not share.
fn stat(pid: u32) -> Option<(u32, u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; what follows the last bracket is numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: Vec<u64> = text.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let own = pages.get(1)?.saturating_sub(*pages.get(2)?);
    Some((fields.get(1)?.parse().ok()?, fields.get(17)?.parse().ok()?, own))
}

fn page_size() -> u64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| size.try_into().ok())
        .unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_told_with_its_reason_and_the_flag_that_raises_it() {
        let limits = RunLimits { memory_bytes: 1536 << 20, plan_time: Duration::from_mins(90), ..RunLimits::default() };
        let table = [
            (Exceeded::Memory, "oom", "1536 MiB of memory", "--run-memory"),
            (Exceeded::Processes, "process-limit", "512 processes", "--run-processes"),
            (Exceeded::Disk, "disk-full", "10 GiB of disk", "--run-disk"),
            (Exceeded::Files, "disk-full", "1000000 files", "fewer files"),
            (Exceeded::Time(Phase::Plan), "time-limit", "90 min for the plan", "--run-plan-time"),
            (Exceeded::Time(Phase::Apply), "time-limit", "24 h for the apply", "--run-apply-time"),
        ];
        for (exceeded, reason, limit, way_out) in table {
            let error = exceeded.explain(&limits);
            assert_eq!(error.reason().as_str(), reason);
            let text = error.to_string();
            assert!(
                text.contains(limit) && text.contains(way_out) && text.ends_with("then queue a new run."),
                "{text}"
            );
        }
    }

    #[test]
    fn a_folder_and_a_tree_of_processes_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), vec![1; 100_000]).unwrap();
        let (bytes, files) = usage(folder.path());
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
        assert_eq!(files, 2);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (memory, processes) = tree_of(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(memory > 0 && processes >= 1, "{memory}, {processes}");
    }
}
