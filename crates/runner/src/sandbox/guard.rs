//! Which guard this system lets us have.

use std::path::PathBuf;
use std::process::Stdio;

use nix::unistd::getuid;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{SETUP_MESSAGE, SandboxMode, Settings, message};
use crate::RunnerConfig;

/// What keeps a run from everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Guard {
    /// Namespaces of its own.
    Namespaces,
    /// Landlock rules.
    Landlock,
    /// Nothing but limits, and no new privileges.
    Permissions,
    /// Nothing at all, as it was wanted.
    Off,
}

/// The strongest guard that works here, by trying; what is said of it in the log of each run, if it is none. A runner that
/// is root does not make do with less than namespaces: then its runs fail and name the step.
pub(crate) async fn find_guard(config: &RunnerConfig) -> (Guard, Option<String>) {
    if config.sandbox == SandboxMode::Off {
        let text = "Warning: this run is not sandboxed; it can read what the runner can.";
        return (Guard::Off, Some(text.to_owned()));
    }
    let Err(no_namespaces) = try_out(config, Guard::Namespaces).await else { return (Guard::Namespaces, None) };
    if getuid().is_root() {
        tracing::error!(reason = no_namespaces, "this system gives runs no namespaces, so every run will fail");
        return (Guard::Namespaces, None);
    }
    close_own_process();
    let Err(no_landlock) = try_out(config, Guard::Landlock).await else {
        let reason = no_namespaces;
        tracing::warn!(
            reason,
            "this system gives runs no namespaces; Landlock guards files and other processes, but what a run starts may outlive its sandbox if that is killed"
        );
        return (Guard::Landlock, None);
    };
    let reason = format!("{no_namespaces}; {no_landlock}");
    tracing::warn!(
        reason,
        "this system has nothing to guard runs with: every run can read what the runner can, and what it starts may outlive it"
    );
    let text = format!(
        "Warning: this run is not sandboxed, because the system offers neither namespaces nor Landlock ({reason}); it \
         can read what the runner can."
    );
    (Guard::Permissions, Some(text))
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
    let settings = Settings::new(config, guard, folder.clone(), temporary);
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
        // A run with a user of its own is kept out of these by their permissions.
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|_| !uid.is_root());
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
            home,
            uid: None,
            engine: None,
        }
    }
}
