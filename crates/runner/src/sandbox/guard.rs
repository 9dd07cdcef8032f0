//! What this system lets us keep runs from everything else with, and which level that is.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::unistd::getuid;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use terrane_domain::runner_protocol::SandboxLevel;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::cgroups::{Group, Groups};
use super::{SETUP_MESSAGE, Settings, message};
use crate::{RunnerConfig, RunnerError};

/// First of 65,536 user ids, one for each run; high enough to be nobody's.
const FIRST_UID: u32 = 700_000;

/// What hides the rest of the machine from a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// Namespaces of its own.
    pub(crate) namespaces: bool,
    /// Landlock rules.
    pub(crate) landlock: bool,
}

impl Guard {
    /// Nothing at all, as it was wanted; without the filter of system calls, too.
    pub(crate) const OFF: Self = Self { namespaces: false, landlock: false };
}

/// What all runs of this runner are kept in.
#[derive(Debug)]
pub(crate) struct Protection {
    pub(crate) guard: Guard,
    /// Where the kernel holds the limits of a run as a whole.
    groups: Option<Groups>,
    pub(crate) level: SandboxLevel,
    next_uid: AtomicU32,
}

impl Protection {
    /// None, as it was wanted.
    pub(crate) fn off() -> Self {
        Self { guard: Guard::OFF, groups: None, level: SandboxLevel::L0, next_uid: AtomicU32::new(0) }
    }

    /// The strongest that works here, by trying. An error if that is less than the runner is to make do with.
    pub(crate) async fn find(config: &RunnerConfig) -> Result<Self, RunnerError> {
        if config.least == SandboxLevel::L0 {
            return Ok(Self::off());
        }
        let (guard, mut lacks) = find_guard(config).await;
        if !getuid().is_root() {
            close_own_process();
            lacks.push("users of their own for runs: the server is not root".to_owned());
        }
        let name = Sha256::digest(config.data_dir.as_os_str().as_encoded_bytes());
        let name = name.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let groups = match Groups::find(&format!("terrane-{name:016x}")) {
            Ok(groups) => Some(groups),
            Err(error) => {
                lacks.push(format!("control groups for memory and processes: {error}"));
                None
            }
        };
        let level = match guard {
            Guard::OFF => SandboxLevel::L0,
            _ if lacks.is_empty() => SandboxLevel::L2,
            _ => SandboxLevel::L1,
        };
        let lacks = lacks.join("; ");
        if level < config.least {
            return Err(RunnerError::SandboxTooWeak { level, least: config.least, lacks });
        }
        if getuid().is_root() && level != SandboxLevel::L2 {
            tracing::warn!(%level, lacks, "this system lacks what the strongest sandbox needs; runs get a weaker one");
        } else {
            tracing::info!(%level, lacks, "runs are sandboxed");
        }
        // Other runners of this machine draw from the same range.
        Ok(Self { guard, groups, level, next_uid: AtomicU32::new(u32::from_be_bytes(crate::bytes())) })
    }

    /// A user that no other run has.
    pub(crate) fn next_user(&self) -> Option<u32> {
        let is_separate = getuid().is_root() && self.guard != Guard::OFF;
        is_separate.then(|| FIRST_UID + self.next_uid.fetch_add(1, Ordering::Relaxed) % 65_536)
    }

    /// A control group for a job, where there are any.
    pub(crate) fn group(&self, config: &RunnerConfig, name: &str) -> Result<Option<Group>, String> {
        let limits = &config.limits;
        self.groups.as_ref().map(|groups| groups.make(name, limits.memory_bytes, limits.processes)).transpose()
    }
}

/// Namespaces and Landlock as far as they work, and why what is missing does not.
async fn find_guard(config: &RunnerConfig) -> (Guard, Vec<String>) {
    let both = Guard { namespaces: true, landlock: true };
    let Err(reason) = try_out(config, both).await else { return (both, Vec::new()) };
    let mut lacks = Vec::new();
    for (guard, other) in
        [(Guard { landlock: false, ..both }, "Landlock"), (Guard { namespaces: false, ..both }, "namespaces")]
    {
        match try_out(config, guard).await {
            Ok(()) => return (guard, vec![format!("{other}: {reason}")]),
            Err(error) => lacks.push(error),
        }
    }
    (Guard::OFF, vec![format!("namespaces: {}", lacks[0]), format!("Landlock: {}", lacks[1])])
}

/// Runs see this process, and have its user: they are not to see what it has open.
fn close_own_process() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "this process could not be closed to others of its user");
    }
}

/// Sets up a sandbox in which nothing is run.
async fn try_out(config: &RunnerConfig, guard: Guard) -> Result<(), String> {
    let folder = config.data_dir.join("runs").join("trial");
    let temporary = folder.join("tmp");
    std::fs::create_dir_all(&temporary).map_err(|error| error.to_string())?;
    let uid = getuid().is_root().then_some(FIRST_UID);
    let settings = Settings { uid, ..Settings::new(config, guard, folder.clone(), temporary) };
    let tried = start(config, &settings).await;
    crate::folder::remove(&folder);
    tried
}

async fn start(config: &RunnerConfig, settings: &Settings) -> Result<(), String> {
    let text = message(settings).map_err(|error| error.to_string())?;
    let mut child = Command::new(&config.program)
        .args(["sandbox", "guardian"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // A guardian that is gone already tells why itself.
        let _ = input.write_all(&text).await;
    }
    let output = child.wait_with_output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let step = told.lines().find_map(|line| line.strip_prefix(SETUP_MESSAGE));
    Err(step.map_or_else(|| output.status.to_string(), str::to_owned))
}

impl Settings {
    /// Settings in which nothing is run yet.
    pub(crate) fn new(config: &RunnerConfig, guard: Guard, folder: PathBuf, temporary: PathBuf) -> Self {
        let uid = getuid();
        let true_name = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let mut hidden: Vec<PathBuf> = config.hidden.iter().chain([&config.data_dir]).map(true_name).collect();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let home = home.as_ref().map(true_name);
        if !uid.is_root() {
            // Through the services that listen there, whoever is the same user can start processes outside.
            hidden.push(PathBuf::from(format!("/run/user/{uid}")));
        }
        Self {
            guard,
            runner_pid: i32::try_from(std::process::id()).unwrap_or(0),
            folder,
            temporary,
            hidden,
            writable: config.writable.iter().map(true_name).collect(),
            readable: config.provider_mirror.iter().map(true_name).collect(),
            home,
            uid: None,
            engine: None,
            groups: Vec::new(),
            file_bytes: config.limits.disk_bytes,
        }
    }
}
