//! The commands of a run as one would type them, in one folder that is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::children::{Running, Stop};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(1);
const COMMANDS: [&[&str]; 4] = [
    &["init", "-input=false", "-no-color"],
    &["plan", "-input=false", "-no-color", "-out=tfplan"],
    &["show", "-json", "tfplan"],
    &["apply", "-input=false", "-no-color", "tfplan"],
];

/// A folder with a configuration.
pub(super) struct ByHand {
    folder: PathBuf,
}

impl ByHand {
    /// Makes the folder and runs the commands once in it.
    pub(super) fn prepare(folder: PathBuf, configuration: &str) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("main.tf"), configuration)?;
        let by_hand = Self { folder };
        by_hand.run()?;
        Ok(by_hand)
    }

    /// Runs the commands and tells how many seconds they took.
    pub(super) fn run(&self) -> Result<f64> {
        let start = Instant::now();
        for arguments in COMMANDS {
            terraform(&self.folder, arguments)?;
        }
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Runs terraform with what the server's runner gives it, and nothing that this shell has set for it.
fn terraform(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("terraform");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
        command.env_remove(name);
    }
    command.envs([("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0")]);
    command.args(arguments).current_dir(folder).env("HOME", folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running::start(&mut command, Stop::Child)?;
    let status = running.wait_closely(PATIENCE)?.with_context(|| format!("terraform {} did not end", arguments[0]))?;
    ensure!(status.success(), "terraform {} ended with {status}", arguments[0]);
    Ok(())
}
