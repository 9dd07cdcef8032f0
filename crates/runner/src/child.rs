//! One start of terraform: clean environment, own process group, sandbox, output line by line.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getuid};
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{Job, StopRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::documents::Scanner;
use crate::engines::FoundEngine;
use crate::folder::{self, RunFolder};
use crate::lease::Lease;
use crate::log::Log;
use crate::sandbox::{Order, SETUP_FAILED, SETUP_MESSAGE, SandboxMode, Settings, message};
use crate::{Runner, RunnerError};

/// First of 65,536 user ids, one for each run; high enough to be nobody's.
const FIRST_UID: u32 = 700_000;

/// Without a sandbox, what a run left behind may keep the output open; we do not wait longer for it than this.
const LINGER: Duration = Duration::from_secs(1);

/// Variables that would take the state or the plan out of the run's folder.
const RESERVED: &[&str] = &["TF_DATA_DIR", "TF_CLI_CONFIG_FILE"];

const INIT: &str = "init";
/// Commands after which there is always another.
const IS_FOLLOWED: [&str; 2] = [INIT, "plan"];
/// Go's runtime collects garbage several times while terraform starts, each time for next to nothing. A process that
/// stays small may leave most of that out and needs no more memory for it; the default is 100.
const RELAXED_GOGC: (&str, &str) = ("GOGC", "400");
/// A larger state makes a process large.
const SMALL_STATE_BYTES: u64 = 1 << 20;

/// What all starts of one job share.
pub(crate) struct Setting {
    pub(crate) runner: Arc<Runner>,
    pub(crate) job: Job,
    pub(crate) folder: RunFolder,
    pub(crate) engine: FoundEngine,
    pub(crate) lease: Arc<Lease>,
    uid: Option<u32>,
    ready: Mutex<Option<Sandbox>>,
}

/// A sandbox that waits for its order.
struct Sandbox {
    child: Child,
    orders: tokio::net::unix::pipe::Sender,
    output: tokio::net::unix::pipe::Receiver,
}

/// Where the output of a start goes.
enum Sink<'a> {
    /// Into memory.
    Memory(&'a mut Vec<u8>),
    /// Into the log, looked through on its way.
    Log(&'a Log, &'a mut Scanner),
}

impl Sink<'_> {
    async fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Memory(output) => output.extend_from_slice(bytes),
            Self::Log(log, scanner) => {
                scanner.take(bytes);
                log.write(Bytes::copy_from_slice(bytes)).await;
            }
        }
    }
}

/// How a start ended.
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// Because people asked for it.
    Stopped,
}

impl Setting {
    pub(crate) fn new(runner: Arc<Runner>, job: Job, engine: FoundEngine, lease: Arc<Lease>) -> Self {
        let folder = RunFolder::of(&runner.config.data_dir, &job);
        let is_separate = getuid().is_root() && runner.config.sandbox == SandboxMode::Default;
        let uid = is_separate.then(|| FIRST_UID + runner.next_uid.fetch_add(1, Ordering::Relaxed) % 65_536);
        Self { runner, job, folder, engine, lease, uid, ready: Mutex::new(None) }
    }

    /// Gives the folder to the run's own user.
    pub(crate) fn give_folder(&self) -> Result<(), RunnerError> {
        match self.uid {
            Some(uid) => folder::give_to(&self.folder.root, uid).map_err(RunnerError::file(&self.folder.root)),
            None => Ok(()),
        }
    }

    /// Sets up the sandbox of the next command while there is something else to do.
    pub(crate) fn make_ready(&self) {
        // One that fails is made again when it is needed, and its failure told then.
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = self.sandbox().ok();
    }

    /// A sandbox that waits for its order.
    fn sandbox(&self) -> std::io::Result<Sandbox> {
        let (config, folder) = (&self.runner.config, self.folder.root.clone());
        let settings = Settings {
            uid: self.uid,
            engine: Some(self.engine.path.clone()),
            ..Settings::new(config, self.runner.guard, folder, self.folder.temporary())
        };
        let (reader, writer) = std::io::pipe()?;
        let (input, mut orders) = std::io::pipe()?;
        // The pipe holds more than these few paths.
        orders.write_all(&message(&settings)?)?;
        let mut command = Command::new(&config.program);
        command.args(["sandbox", "guardian"]).env_clear().process_group(0).kill_on_drop(true);
        command.stdin(input).stdout(writer.try_clone()?).stderr(writer);
        // With the command our copies of the child's ends go.
        let child = command.spawn()?;
        let output = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
        let orders = tokio::net::unix::pipe::Sender::from_owned_fd(orders.into())?;
        Ok(Sandbox { child, orders, output })
    }

    fn order(&self, arguments: &[OsString]) -> Order {
        let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let mut environment = self.environment();
        if arguments.first().is_some_and(|command| command == INIT) || self.stays_small() {
            // Before the workspace's own variables, which win.
            let (name, value) = RELAXED_GOGC;
            environment.insert(0, (name.to_owned(), value.to_owned()));
        }
        let program = self.engine.path.clone();
        Order { working_directory: self.folder.module(), environment, program, arguments }
    }

    /// Whether terraform has a small state and starts no provider, which would inherit its environment: `init` never
    /// does, and after it a lock file names what will be started.
    fn stays_small(&self) -> bool {
        let state = self.folder.state_file(&self.job.workspace_name);
        let has_providers = self.folder.lock_file().symlink_metadata().is_ok();
        !has_providers && state.symlink_metadata().map_or(0, |file| file.len()) < SMALL_STATE_BYTES
    }

    /// Nothing of the runner's environment is inherited but the PATH. What binds the run to its folder and its state
    /// stands above the workspace's own variables.
    fn environment(&self) -> Vec<(String, String)> {
        let job = &self.job;
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let folder = |name: &str| self.folder.root.join(name).display().to_string();
        let mut all: Vec<(String, String)> = vec![("PATH".to_owned(), path), ("LANG".to_owned(), "C.UTF-8".to_owned())];
        all.extend(
            job.environment
                .iter()
                .filter(|variable| !RESERVED.contains(&variable.key.as_str()))
                .map(|variable| (variable.key.clone(), variable.value.clone())),
        );
        let ours = [
            ("HOME", folder("home")),
            ("TMPDIR", folder("tmp")),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("TF_WORKSPACE", job.workspace_name.clone()),
            ("TFC_RUN_ID", job.run_id.to_string()),
            ("TFC_WORKSPACE_NAME", job.workspace_name.clone()),
            ("TFC_WORKSPACE_SLUG", format!("{}/{}", job.organization_name, job.workspace_name)),
            ("TFC_PROJECT_NAME", job.project_name.clone()),
        ];
        all.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        if job.options.debugging_mode {
            all.push(("TF_LOG".to_owned(), "TRACE".to_owned()));
        }
        all
    }

    /// Runs terraform; every piece of its output goes to `sink`. People's wishes reach it meanwhile.
    async fn run(&self, arguments: &[OsString], mut sink: Sink<'_>) -> Result<Ended, RunnerError> {
        self.lease.check()?;
        if self.lease.is_stopped() {
            return Ok(Ended::Stopped);
        }
        let broken = |error: std::io::Error| {
            RunnerError::job(ReasonCode::Internal, format!("terraform could not be started: {error}"))
        };
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Sandbox { mut child, mut orders, mut output } = match ready {
            Some(ready) => ready,
            None => self.sandbox().map_err(broken)?,
        };
        let order = message(&self.order(arguments)).map_err(|error| broken(error.into()))?;
        // A guardian that is gone already tells why itself.
        let _ = orders.write_all(&order).await;
        drop(orders);
        if IS_FOLLOWED.iter().any(|command| arguments.first().is_some_and(|first| first == command)) {
            self.make_ready();
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let mut standing = self.lease.watch();
        let mut buffer = vec![0; 64 * 1024];
        let (mut is_open, mut was_asked, mut ended) = (true, false, None);
        let lingering = tokio::time::sleep(Duration::MAX);
        tokio::pin!(lingering);
        let status = loop {
            if let (Some(status), false) = (ended, is_open) {
                break status;
            }
            tokio::select! {
                // A flood of output must not keep people's wishes away, nor is what was written cut off.
                biased;
                Ok(()) = standing.changed() => {
                    let now = *standing.borrow_and_update();
                    let signal = match now.stop {
                        _ if now.is_lost => Some(Signal::SIGKILL),
                        StopRequest::Kill => Some(Signal::SIGKILL),
                        StopRequest::Interrupt if !was_asked => Some(Signal::SIGINT),
                        _ => None,
                    };
                    if let (Some(signal), Some(group), None) = (signal, group, ended) {
                        was_asked = true;
                        let _ = killpg(group, signal);
                    }
                }
                status = child.wait(), if ended.is_none() => {
                    ended = Some(status.map_err(broken)?);
                    lingering.as_mut().reset(Instant::now() + LINGER);
                }
                read = output.read(&mut buffer), if is_open => match read {
                    Ok(0) | Err(_) => is_open = false,
                    Ok(length) => sink.take(&buffer[..length]).await,
                },
                () = &mut lingering, if ended.is_some() => is_open = false,
            }
        };
        if self.lease.is_lost() {
            return Err(RunnerError::LeaseLost);
        }
        Ok(if was_asked { Ended::Stopped } else { Ended::Exited(status) })
    }

    /// Runs terraform with its output in memory.
    pub(crate) async fn run_quietly(&self, arguments: &[OsString]) -> Result<(Ended, Vec<u8>), RunnerError> {
        let mut output = Vec::new();
        let ended = self.run(arguments, Sink::Memory(&mut output)).await?;
        Ok((ended, output))
    }

    /// Runs terraform with its output in the log.
    pub(crate) async fn run_logged(
        &self,
        arguments: &[OsString],
        log: &Log,
        scanner: &mut Scanner,
    ) -> Result<Ended, RunnerError> {
        self.run(arguments, Sink::Log(log, scanner)).await
    }

    /// The three lines that begin every log; clients throw them away.
    pub(crate) async fn write_header(&self, log: &Log) {
        let name = match self.engine.engine.kind {
            terrane_domain::engines::EngineKind::Terraform => "Terraform",
            terrane_domain::engines::EngineKind::OpenTofu => "OpenTofu",
        };
        let text =
            format!("{name} v{}\non linux_amd64\nInitializing plugins and modules...", self.engine.engine.version);
        log.line(&text).await;
        if let Some(warning) = &self.runner.unguarded {
            log.line(warning).await;
        }
    }

    /// `terraform init`; its output is shown only when it fails.
    pub(crate) async fn initialize(&self, log: &Log) -> Result<Option<Ended>, RunnerError> {
        let (ended, output) = self.run_quietly(&words(&[INIT, "-input=false", "-no-color"])).await?;
        match ended {
            Ended::Exited(status) if status.success() => Ok(None),
            Ended::Exited(status) => {
                log.write(output.clone().into()).await;
                Err(Self::failure(status, &output, ReasonCode::InitFailed))
            }
            Ended::Stopped => Ok(Some(Ended::Stopped)),
        }
    }

    /// What a failed start means. The log shows the output already.
    pub(crate) fn failure(status: ExitStatus, output: &[u8], reason: ReasonCode) -> RunnerError {
        let text = String::from_utf8_lossy(output);
        if status.code() == Some(i32::from(SETUP_FAILED)) {
            let step = text.lines().rev().find(|line| line.starts_with(SETUP_MESSAGE)).unwrap_or("an unknown step");
            return RunnerError::job(
                ReasonCode::SandboxUnavailable,
                format!("The sandbox could not be set up: {step}."),
            );
        }
        let signal = status.signal().or(status.code().filter(|code| *code > 128).map(|code| code - 128));
        match signal {
            Some(9) => RunnerError::job(
                ReasonCode::OutOfMemory,
                "terraform was killed, most likely because the machine ran out of memory.",
            ),
            Some(signal) => RunnerError::job(
                ReasonCode::EngineCrashed,
                format!("terraform ended by signal {signal}; the log may show why."),
            ),
            None if text.contains("no space left on device") => {
                RunnerError::job(ReasonCode::DiskFull, ReasonCode::DiskFull.sentence())
            }
            None => RunnerError::job(reason, reason.sentence()),
        }
    }
}

/// Arguments from words.
pub(crate) fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// `-name=PATH`.
pub(crate) fn path_argument(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(format!("-{name}="));
    argument.push(path);
    argument
}
