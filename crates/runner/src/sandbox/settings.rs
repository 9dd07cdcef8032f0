//! What the runner tells the sandbox, as one line on its standard input: the environment holds the run's secrets, and
//! must not touch the stages themselves, which begin as root.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Guard;

/// Settings of one start.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// What keeps the run from everything else.
    pub(crate) guard: Guard,
    /// The runner's process id.
    pub(crate) runner_pid: i32,
    /// The run's folder: all that it may write to.
    pub(crate) folder: PathBuf,
    /// The run's folder for temporary files, inside of `folder`; it becomes the run's `/tmp` where it can.
    pub(crate) temporary: PathBuf,
    /// Folders that the run must not see; the run's folder may lie inside.
    pub(crate) hidden: Vec<PathBuf>,
    /// The runner's home, which the run must not see either; but an engine that is installed there may be used with
    /// what lies beside it.
    pub(crate) home: Option<PathBuf>,
    /// The user that terraform becomes, if we are root.
    pub(crate) uid: Option<u32>,
    /// Where terraform starts.
    pub(crate) working_directory: PathBuf,
    /// terraform's whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// terraform and its arguments; nothing, to see only whether the sandbox can be set up.
    pub(crate) command: Vec<String>,
}
