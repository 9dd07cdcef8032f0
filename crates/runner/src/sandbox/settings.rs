//! What the runner tells the sandbox; nothing in it is secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of one start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The runner's process id.
    pub(crate) runner_pid: i32,
    /// Our own executable.
    pub(crate) program: PathBuf,
    /// The run's folder: all that it may write to.
    pub(crate) folder: PathBuf,
    /// Folders that the run must not see; the run's folder may lie inside.
    pub(crate) hidden: Vec<PathBuf>,
    /// The user that terraform becomes, if we are root.
    pub(crate) uid: Option<u32>,
    /// Where terraform starts.
    pub(crate) working_directory: PathBuf,
    /// terraform and its arguments.
    pub(crate) command: Vec<String>,
}
