//! A `terrane dev` of our own in a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Bench;
use super::client::{Connection, request};
use crate::children::{self, Running, Stop};

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(30);

/// How long its children may outlive the supervisor.
const AFTERLIFE: Duration = Duration::from_secs(5);

/// A server that runs until it is dropped.
pub(super) struct Server {
    // The order matters: what is left over is looked for once the supervisor has ended.
    running: Running,
    _leftovers: Leftovers,
    data: PathBuf,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// From its start to its first good answer.
    pub(super) took: Duration,
    /// Its admin's token.
    pub(super) token: String,
    /// Its organization.
    pub(super) organization: String,
}

impl Server {
    /// Starts a server on the data folder of that name.
    pub(super) fn start(bench: &Bench, name: &str) -> Result<Self> {
        Self::start_with(bench, name, &[])
    }

    /// The same, with more in its environment.
    pub(super) fn start_with(bench: &Bench, name: &str, environment: &[(&str, &Path)]) -> Result<Self> {
        let data = bench.folder.path().join(name);
        let log = bench.folder.path().join(format!("{name}.log"));
        let output = File::create(&log)?;
        let address = TcpListener::bind("127.0.0.1:0").context("no port is free")?.local_addr()?;
        let mut command = Command::new(&bench.program);
        command.args(["dev", "--listen", &address.to_string(), "--data-dir"]).arg(&data);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TERRANE_")) {
            command.env_remove(name);
        }
        // The limit for each user is below every rate that is measured here.
        command.env("TERRANE_RATE_LIMIT", "0").envs(environment.iter().copied());
        command.stdout(output.try_clone()?).stderr(output);
        let start = Instant::now();
        let running = Running::start(&mut command, Stop::Child)?;
        while !is_healthy(address) {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = running.ended()? {
                bail!("the server ended with {status}: {}", said());
            }
            ensure!(start.elapsed() < START, "the server was not ready after {} s: {}", START.as_secs(), said());
            thread::sleep(Duration::from_millis(1));
        }
        let took = start.elapsed();
        // The server has written its facts before it answers anything.
        let facts: Value = serde_json::from_str(&fs::read_to_string(data.join("dev.json"))?)?;
        let text =
            |name: &str| facts[name].as_str().map(str::to_owned).with_context(|| format!("dev.json has no {name}"));
        let pids = ["server", "runner"].map(|name| child(&data, name)).into_iter().collect::<Result<_>>()?;
        let leftovers = Leftovers { program: bench.program.clone(), pids };
        Ok(Self {
            running,
            _leftovers: leftovers,
            address,
            took,
            token: text("token")?,
            organization: text("organization")?,
            data,
        })
    }

    /// The process that the user started.
    pub(super) fn supervisor(&self) -> u32 {
        self.running.pid()
    }

    /// A process that the supervisor started: `server` or `runner`.
    pub(super) fn child(&self, name: &str) -> Result<u32> {
        child(&self.data, name)
    }
}

fn child(data: &Path, name: &str) -> Result<u32> {
    let path = data.join(format!("{name}.pid"));
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.trim().parse().with_context(|| format!("{} holds no number", path.display()))
}

/// The supervisor's children, which end by themselves when it ends, unless they hang.
struct Leftovers {
    program: PathBuf,
    pids: Vec<u32>,
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        let is_left =
            |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program == self.program);
        let deadline = Instant::now() + AFTERLIFE;
        while self.pids.iter().any(is_left) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        for pid in self.pids.iter().filter(|pid| is_left(pid)) {
            children::signal("KILL", &pid.to_string());
        }
    }
}

/// Whether the server answers. A server that is starting holds the connection until it can.
fn is_healthy(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address) else { return false };
    connection.send(&request("GET", "/healthz", None, "", b"")).is_ok_and(|answer| answer.status == 200)
}
