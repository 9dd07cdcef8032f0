//! The sandbox of a run: our own program, executed again around each start of terraform.
//!
//! Two stages. The *guardian* dies with the runner, leaves for new PID, mount, IPC and UTS namespaces (as root directly,
//! otherwise by a user namespace), and starts the *init*: process 1 of the namespace, which covers what the run must not
//! see, gives up every privilege, and runs terraform. When the runner dies, the guardian dies, the init dies, and with it
//! the kernel kills everything that the run ever started. A step that fails ends the start with [`SETUP_FAILED`]: a
//! run never goes on with less than it was promised.

mod init;
mod mounts;
mod settings;

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getgid, getppid, getuid};

pub(crate) use settings::Settings;

/// Whether runs are sandboxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SandboxMode {
    /// As said above.
    Default,
    /// Not at all; each run's log says so.
    Off,
}

/// Exit code of a sandbox that could not be set up. terraform itself knows 0, 1 and 2.
pub(crate) const SETUP_FAILED: u8 = 125;

/// The first words of the message that names the failed step.
pub(crate) const SETUP_MESSAGE: &str = "sandbox: ";

/// A step that failed.
struct Failed(String);

impl Failed {
    fn at<E: std::fmt::Display>(step: &str) -> impl FnOnce(E) -> Self {
        let step = step.to_owned();
        move |error| Self(format!("{step}: {error}"))
    }
}

/// Body of the hidden sub-command `sandbox`; to be called before any thread is started.
pub fn sandbox_main(arguments: &[OsString]) -> ExitCode {
    let staged = match arguments {
        [stage] if stage == "guardian" => read_settings().and_then(|settings| guardian(&settings)),
        [stage] if stage == "init" => read_settings().and_then(|settings| init::run(&settings)),
        _ => Err(Failed("this command is for the runner only".to_owned())),
    };
    match staged {
        Ok(status) => exit_code(status),
        Err(Failed(step)) => {
            eprintln!("{SETUP_MESSAGE}{step}");
            ExitCode::from(SETUP_FAILED)
        }
    }
}

fn read_settings() -> Result<Settings, Failed> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failed::at("read the settings"))?;
    serde_json::from_str(&line).map_err(Failed::at("read the settings"))
}

/// A shell's convention: 128 and the signal's number.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Dies when the parent dies.
fn die_with_parent() -> Result<(), Failed> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(Failed::at("die with the runner"))
}

/// An interrupt reaches the whole process group; only terraform is to act on it.
fn leave_interrupts_to_child() -> Result<(), Failed> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // The standard library gives children an empty mask.
    signals.thread_block().map_err(Failed::at("block signals"))
}

fn guardian(settings: &Settings) -> Result<ExitStatus, Failed> {
    die_with_parent()?;
    // It may have died before: then the parent is another by now.
    if getppid() != Pid::from_raw(settings.runner_pid) {
        return Err(Failed("the runner is gone".to_owned()));
    }
    leave_interrupts_to_child()?;
    let spaces =
        CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if getuid().is_root() {
        unshare(spaces).map_err(Failed::at("make namespaces"))?;
    } else {
        let (uid, gid) = (getuid(), getgid());
        unshare(spaces | CloneFlags::CLONE_NEWUSER).map_err(Failed::at("make a user namespace"))?;
        let map = |file: &str, text: String| {
            std::fs::write(format!("/proc/self/{file}"), text).map_err(Failed::at(&format!("write {file}")))
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("{uid} {uid} 1"))?;
        map("gid_map", format!("{gid} {gid} 1"))?;
    }
    let text = serde_json::to_string(settings).map_err(Failed::at("hand the settings on"))?;
    // The writing end stays here: its closing tells the init that we are gone.
    let mut init = Command::new(&settings.program)
        .args(["sandbox", "init"])
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()
        .map_err(Failed::at("start the first process of the namespace"))?;
    let mut connection = init.stdin.take();
    if let Some(connection) = &mut connection {
        writeln!(connection, "{text}").map_err(Failed::at("hand the settings on"))?;
    }
    let status = init.wait().map_err(Failed::at("wait for the first process of the namespace"));
    drop(connection);
    status
}
