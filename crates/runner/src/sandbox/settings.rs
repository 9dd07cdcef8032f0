//! What the runner tells the sandbox, as one line on its standard input: the environment holds the run's secrets, and
//! must not touch the stages themselves, which begin as root.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of one start.
#[derive(Clone, Serialize, Deserialize)]
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
    /// terraform's whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// terraform and its arguments.
    pub(crate) command: Vec<String>,
}
