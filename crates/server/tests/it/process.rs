//! Starts `terrane dev` and speaks HTTP to it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything here may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The executable, without any setting from the environment of the tests.
pub(crate) fn terrane() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terrane"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TERRANE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the executable to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    terrane().args(arguments).output().unwrap()
}

/// The most memory that a process had since its peak was forgotten, in bytes.
pub(crate) fn peak(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Begins to look for a new peak: how much memory the process has now.
pub(crate) fn forget_peak(pid: Pid) -> u64 {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    peak(pid)
}

/// A running `terrane dev` on a free port.
pub(crate) struct Dev {
    supervisor: Child,
    /// Kept open: the greeting is not the last line that may be written.
    _stdout: BufReader<ChildStdout>,
    pub(crate) port: u16,
    pub(crate) data_dir: PathBuf,
    _folder: tempfile::TempDir,
}

impl Dev {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts after `prepare` had its way with the command.
    pub(crate) fn start_with(prepare: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let mut command = terrane();
        command.args(["dev", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir).stdout(Stdio::piped());
        prepare(&mut command);
        let mut supervisor = command.spawn().unwrap();
        let mut stdout = BufReader::new(supervisor.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port = line.trim().rsplit_once("http://localhost:").expect(&line).1.parse().unwrap();
        Self { supervisor, _stdout: stdout, port, data_dir, _folder: folder }
    }

    /// The pid in `NAME.pid`.
    pub(crate) fn pid(&self, name: &str) -> Pid {
        let text = std::fs::read_to_string(self.data_dir.join(format!("{name}.pid"))).unwrap();
        Pid::from_raw(text.trim().parse().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.supervisor.id().cast_signed()), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        within(PATIENCE, || {
            status = self.supervisor.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Asks on a new connection. An error to connect is a failed test: the socket must always be there.
    pub(crate) fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the connection was refused");
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let children =
            ["server", "runner"].map(|name| std::fs::read_to_string(self.data_dir.join(format!("{name}.pid"))));
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        // The children end by themselves; the folder must not go before them.
        for pid in children.iter().flatten().filter_map(|text| text.trim().parse().ok()) {
            within(PATIENCE, || is_gone(Pid::from_raw(pid)));
        }
    }
}

/// Waits until `done`, and fails if that takes too long.
pub(crate) fn within(limit: Duration, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < limit, "not within {limit:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process has ended; a dead one that nobody has reaped yet counts.
pub(crate) fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}
