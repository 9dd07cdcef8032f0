//! A `terrane dev` that a chore starts.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::children::{self, Running, Stop};
use crate::workspace::cargo;

/// How long the server may take to start.
const START: Duration = Duration::from_secs(30);

/// Builds the program.
pub(crate) fn build(target: &Path, release: bool) -> Result<PathBuf> {
    println!("$ cargo build --package terrane{}", if release { " --release" } else { "" });
    let mut command = cargo(&["build", "--package", "terrane"]);
    if release {
        command.arg("--release");
    }
    ensure!(children::run(&mut command)?.success(), "the build failed");
    Ok(target.join(if release { "release" } else { "debug" }).join("terrane"))
}

/// What the server writes down for programs: `dev.json` in its data folder.
pub(crate) struct Facts(pub(crate) Value);

impl Facts {
    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.0[name].as_str().with_context(|| format!("dev.json has no {name}"))
    }

    /// The host and port of the cloud block.
    pub(crate) fn host(&self) -> Result<String> {
        let address = self.text("address")?;
        let port = address.trim_end_matches('/').rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        Ok(format!("localhost:{}", port.with_context(|| format!("the address {address} has no port"))?))
    }
}

/// A server that runs until this is dropped.
pub(crate) struct DevServer {
    pub(crate) running: Running,
    pub(crate) log: PathBuf,
    pub(crate) facts: Facts,
}

impl DevServer {
    /// Starts the server on its usual port or, where that is taken, on a free one.
    pub(crate) fn start(program: &Path, data: &Path) -> Result<Self> {
        let log = data.with_extension("log");
        let facts_file = data.join("dev.json");
        let before = modified(&facts_file);
        let listen = free_address()?;
        println!("$ {} dev --data-dir {} --listen {listen}", program.display(), data.display());
        let output = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["dev", "--listen", &listen, "--data-dir"]).arg(data);
        let running = Running::start(command.stdout(output.try_clone()?).stderr(output), Stop::Child)?;
        let deadline = Instant::now() + START;
        loop {
            if let Some(facts) = new_facts(&facts_file, before) {
                return Ok(Self { running, log, facts });
            }
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = running.ended()? {
                bail!("the server ended with {status}:\n{}", said());
            }
            ensure!(Instant::now() < deadline, "the server was not ready after {} s:\n{}", START.as_secs(), said());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:8080").or_else(|_| TcpListener::bind("127.0.0.1:0"));
    Ok(listener.context("no port is free")?.local_addr()?.to_string())
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

/// Reads the facts once this server has written them; those of an earlier one do not count.
fn new_facts(file: &Path, before: Option<SystemTime>) -> Option<Facts> {
    let now = modified(file).filter(|now| Some(*now) != before);
    now.and_then(|_| serde_json::from_str(&fs::read_to_string(file).ok()?).ok()).map(Facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary::Folder;

    #[test]
    fn old_and_half_written_facts_do_not_count() {
        let folder = Folder::create("terrane-xtask-facts").unwrap();
        let file = folder.path().join("dev.json");
        fs::write(&file, "{").unwrap();
        assert!(new_facts(&file, None).is_none());
        fs::write(&file, "{}").unwrap();
        assert!(new_facts(&file, None).is_some());
        assert!(new_facts(&file, modified(&file)).is_none());
    }
}
