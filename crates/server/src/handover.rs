//! What the supervisor tells a child: one line of JSON on its standard input.
//!
//! Not the command line and not the environment, which other processes of the same user can read. The connection stays
//! open after the line; its end tells the child that the supervisor is gone. The child answers with one byte
//! once it works.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::configuration::Settings;

/// The line is short; more than this is no handover.
const LONGEST_LINE: usize = 64 * 1024;
const READY: u8 = b'\n';

/// Settings and secrets of a child.
#[derive(Serialize, Deserialize)]
pub(crate) struct Handover {
    /// The settings in force.
    pub(crate) settings: Settings,
    /// What only the children of one supervisor know.
    pub(crate) secrets: Secrets,
    /// Whether this is the first start of this child, which is the one to greet the user.
    pub(crate) first_start: bool,
}

/// Secrets that live as long as the supervisor.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Bearer token of the embedded runner: 32 random bytes in hexadecimal.
    pub(crate) runner_token: String,
}

impl Secrets {
    /// Draws new ones.
    pub(crate) fn generate() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("draw the runner's token")?;
        Ok(Self { runner_token: terrane_store::hex(&bytes) })
    }
}

impl Handover {
    /// Sends the line.
    pub(crate) fn send(&self, mut child: &UnixStream) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        child.write_all(&line).context("hand the settings to the child")
    }

    /// Receives the line, and not one byte more.
    pub(crate) fn receive(mut supervisor: &UnixStream) -> anyhow::Result<Self> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            supervisor.read_exact(&mut byte).context("the supervisor ended before it handed over the settings")?;
            if byte[0] == b'\n' {
                return serde_json::from_slice(&line).context("read the supervisor's settings");
            }
            ensure!(line.len() < LONGEST_LINE, "the supervisor's settings are too long");
            line.push(byte[0]);
        }
    }
}

/// Tells the supervisor that this child works.
pub(crate) fn send_ready(mut supervisor: &UnixStream) -> io::Result<()> {
    supervisor.write_all(&[READY])
}

/// Whether the child said that it works. Does not wait.
pub(crate) fn is_ready(mut child: &UnixStream) -> bool {
    let mut byte = [0];
    child.set_nonblocking(true).is_ok() && matches!(child.read(&mut byte), Ok(1)) && byte[0] == READY
}
