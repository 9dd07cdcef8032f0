//! The sandbox of a run: our own program, executed again around each start of terraform.
//!
//! The *guardian* ends with the runner. What keeps terraform from everything else is its [`Guard`], each part where the
//! system has it:
//!
//! - *namespaces*: it leaves for new PID, mount, IPC and UTS namespaces, as root directly, otherwise by a user namespace
//!   of its own, and forks the *init*: process 1 of the namespace, which covers what the run must not see, gives up every
//!   privilege, and runs terraform. When the runner dies, the guardian dies, the init dies, and with it the kernel kills
//!   everything that the run ever started.
//! - *Landlock*: a second wall inside of those, and the only one where the system lets us make no namespaces. Then the
//!   guardian itself gives up what the run must not have, and runs terraform. Other processes can be seen, but not looked
//!   into.
//!
//! With either go the filter of system calls, no capabilities, and no way to new privileges. A runner that is root
//! gives each run a user of its own, and where there are control groups, each job gets one. All of that together is
//! level L2; what a runner without privileges can have of it is L1; [`Protection`] finds out which one it is, once, when
//! the runner starts.
//!
//! Without namespaces the guardian hears of the runner's death and kills everything that the run started, in whatever
//! session, as long as it lives itself. When it is killed, which the run can do where nothing keeps its signals in,
//! terraform dies with it, but what terraform started (providers, `local-exec`) may live on.
//!
//! A sandbox may be set up before it is known what will run in it: then it waits for its [`Order`].
//!
//! A step that fails later ends the start with [`SETUP_FAILED`]: a run never goes on with less than it was promised.

mod cgroups;
mod devices;
mod filter;
mod guard;
mod guardian;
mod init;
mod mounts;
mod privileges;
mod rules;
mod settings;
mod view;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid};

pub(crate) use cgroups::{Group, Resource};
pub(crate) use guard::{Guard, Protection};
pub(crate) use settings::{Order, Settings, message};

/// What tells a guardian that the runner is dead, where it has to end what it started. Nothing else sends it.
const RUNNER_DIED: Signal = Signal::SIGUSR2;

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
    let ended = match arguments {
        [stage] if stage == "guardian" => settings::read().and_then(|settings| match settings {
            Some(settings) => guardian::run(&settings),
            None => Err(Failed("the runner is gone".to_owned())),
        }),
        _ => Err(Failed("this command is for the runner only".to_owned())),
    };
    ExitCode::from(told(ended))
}

/// The exit code of a stage; a failed step is told on standard error.
fn told(ended: Result<u8, Failed>) -> u8 {
    ended.unwrap_or_else(|Failed(step)| {
        eprintln!("{SETUP_MESSAGE}{step}");
        SETUP_FAILED
    })
}

/// A shell's convention: 128 and the signal's number.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// Dies when the parent dies. A change of the user or of the capabilities forgets it.
fn die_with_parent() -> Result<(), Failed> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(Failed::at("die with the runner"))
}

/// Dies when the runner dies, also if it died before.
fn die_with_runner(settings: &Settings) -> Result<(), Failed> {
    die_with_parent()?;
    live_with_runner(settings)
}

/// Gets [`RUNNER_DIED`] when the runner dies, instead of dying. A change of the user or of the capabilities forgets it.
fn hear_of_runners_death(settings: &Settings) -> Result<(), Failed> {
    let signal: SigSet = [RUNNER_DIED].into_iter().collect();
    signal.thread_block().map_err(Failed::at("block signals"))?;
    nix::sys::prctl::set_pdeathsig(RUNNER_DIED).map_err(Failed::at("hear of the runner's death"))?;
    live_with_runner(settings)
}

fn live_with_runner(settings: &Settings) -> Result<(), Failed> {
    // A process without its parent is another's by now.
    if getppid() == Pid::from_raw(settings.runner_pid) { Ok(()) } else { Err(Failed("the runner is gone".to_owned())) }
}

/// An interrupt reaches the whole process group; only terraform is to act on it.
fn leave_interrupts_to_child() -> Result<(), Failed> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // The standard library gives children an empty mask.
    signals.thread_block().map_err(Failed::at("block signals"))
}
