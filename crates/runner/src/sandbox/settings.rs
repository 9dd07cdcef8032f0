//! What the runner tells the sandbox on its standard input: first how it is set up, then, when that is known, what is to
//! run in it. The environment holds the run's secrets and comes last, to a process that has no privileges any more.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Failed, Guard};

/// How a sandbox is set up.
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
    /// Folders outside that the run may write to all the same, because whoever runs the server wants it so.
    pub(crate) writable: Vec<PathBuf>,
    /// Folders that the run may read even where what is around them is hidden.
    pub(crate) readable: Vec<PathBuf>,
    /// The runner's home, which the run must not see either; but an engine that is installed there may be used with
    /// what lies beside it.
    pub(crate) home: Option<PathBuf>,
    /// The user that terraform becomes, if we are root.
    pub(crate) uid: Option<u32>,
    /// terraform, if it is known: it is to be seen.
    pub(crate) engine: Option<PathBuf>,
    /// The run's control groups, if it has some.
    pub(crate) groups: Vec<PathBuf>,
    /// The longest file.
    pub(crate) file_bytes: u64,
}

/// What is to run.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Where terraform starts.
    pub(crate) working_directory: PathBuf,
    /// terraform's whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// terraform.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
}

/// A message as it is written: its length, and JSON.
pub(crate) fn message<T: Serialize>(message: &T) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_vec(message)?;
    Ok([&(text.len() as u64).to_be_bytes()[..], &text].concat())
}

/// Reads one message and not a byte more: the next one may be for the process that this one starts. Nothing if there is
/// no more.
pub(super) fn read<T: DeserializeOwned>() -> Result<Option<T>, Failed> {
    let at = || Failed::at("read from the runner");
    let mut input = File::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(at())?);
    let mut length = [0; 8];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other.map_err(at())?,
    }
    let mut text = Vec::new();
    input.take(u64::from_be_bytes(length)).read_to_end(&mut text).map_err(at())?;
    serde_json::from_slice(&text).map(Some).map_err(Failed::at("read from the runner"))
}
