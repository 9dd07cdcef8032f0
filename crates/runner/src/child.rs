//! One start of terraform: clean environment, own process group, sandbox, output line by line.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{Job, Phase, SandboxLevel, StopRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::time::Instant;

use crate::documents::Scanner;
use crate::engines::FoundEngine;
use crate::folder::{self, RunFolder};
use crate::lease::{Lease, Standing};
use crate::limits::{Exceeded, Watch};
use crate::log::Log;
use crate::plan::MAX_LOCK_BYTES;
use crate::sandbox::{Group, SETUP_FAILED, SETUP_MESSAGE, message};
use crate::start::Sandbox;
use crate::{Runner, RunnerError, masking};

/// Without a sandbox, what a run left behind may keep the output open; we do not wait longer for it than this.
const LINGER: Duration = Duration::from_secs(1);

/// The longest document that is taken: JSON of plans and schemas. They lie on the disk, not in memory.
const MAX_DOCUMENT_BYTES: u64 = 1 << 30;
/// How much is shown of the output of an `init` that failed: its end.
const MAX_INIT_BYTES: usize = 1 << 20;
/// How much of a log's end is kept to tell why terraform failed.
const TAIL_BYTES: usize = 4096;

pub(crate) const INIT: &str = "init";
/// Commands after which there is always another.
const IS_FOLLOWED: [&str; 2] = [INIT, "plan"];
/// What all starts of one job share.
pub(crate) struct Setting {
    pub(crate) runner: Arc<Runner>,
    pub(crate) job: Job,
    pub(crate) folder: RunFolder,
    pub(crate) engine: FoundEngine,
    pub(crate) lease: Arc<Lease>,
    pub(crate) uid: Option<u32>,
    pub(crate) ready: Mutex<Option<Sandbox>>,
    /// Goes after what is ready, which is in it.
    pub(crate) group: Option<Group>,
    until: Instant,
}

/// Where the output of a start goes.
enum Sink<'a> {
    /// Into a file, up to a limit.
    File(File, u64),
    /// Into memory, the end of it.
    End(usize),
    /// Into the log, looked through on its way.
    Log(&'a Log, &'a mut Scanner),
}

impl Sink<'_> {
    /// Takes a piece, or says why not. `kept` is what is needed of the output afterwards.
    async fn take(&mut self, bytes: &[u8], kept: &mut Vec<u8>) -> Result<(), Untaken> {
        kept.extend_from_slice(bytes);
        match self {
            Self::File(file, room) => {
                kept.drain(..kept.len().saturating_sub(TAIL_BYTES));
                *room = room.checked_sub(bytes.len() as u64).ok_or(Untaken::TooLong)?;
                file.write_all(bytes).map_err(Untaken::Unwritten)
            }
            Self::End(length) => {
                kept.drain(..kept.len().saturating_sub(*length));
                Ok(())
            }
            Self::Log(log, scanner) => {
                kept.drain(..kept.len().saturating_sub(TAIL_BYTES));
                scanner.take(bytes);
                log.write(bytes).await;
                Ok(())
            }
        }
    }
}

/// Why output is not taken any more.
#[derive(Debug)]
enum Untaken {
    TooLong,
    Unwritten(std::io::Error),
}

/// How a start ended.
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// After people asked for it; with nothing if it had not even started.
    Stopped(Option<ExitStatus>),
}

/// What came of a start.
struct Followed {
    ended: Ended,
    /// What is kept of its output, or why that was not taken.
    kept: Result<Vec<u8>, Untaken>,
    /// The limit for which it was ended.
    exceeded: Option<Exceeded>,
}

impl Setting {
    pub(crate) fn new(
        runner: Arc<Runner>,
        job: Job,
        engine: FoundEngine,
        lease: Arc<Lease>,
    ) -> Result<Self, RunnerError> {
        let folder = RunFolder::of(&runner.config.data_dir, &job);
        let group = runner.protection.group(&runner.config, &format!("{}-{}", job.id, job.fence));
        let group = group.map_err(|error| unavailable(&format!("make a control group: {error}")))?;
        let time = match job.phase {
            Phase::Plan => runner.config.limits.plan_time,
            Phase::Apply => runner.config.limits.apply_time,
        };
        let uid = runner.protection.next_user();
        let until = Instant::now() + time;
        Ok(Self { runner, job, folder, engine, lease, uid, ready: Mutex::new(None), group, until })
    }

    /// Gives the folder to the run's own user.
    pub(crate) fn give_folder(&self) -> Result<(), RunnerError> {
        match self.uid {
            Some(uid) => folder::give_to(&self.folder.root, uid).map_err(RunnerError::file(&self.folder.root)),
            None => Ok(()),
        }
    }

    /// Fetches an input of the job into a file, unless its end comes first; tells whether there is one.
    pub(crate) async fn fetch(&self, what: &str, to: &Path) -> Result<bool, RunnerError> {
        let mut standing = self.lease.watch();
        tokio::select! {
            fetched = self.runner.client.fetch(&self.job, what, to) => fetched,
            Ok(standing) = standing.wait_for(|now| now.is_lost || now.stop != StopRequest::None) => {
                Err(if standing.is_lost { RunnerError::LeaseLost } else { RunnerError::Canceled })
            }
            () = tokio::time::sleep_until(self.until) => {
                Err(Exceeded::Time(self.job.phase).explain(&self.runner.config.limits))
            }
        }
    }

    /// Lays the providers that the configuration's lock file names, and earlier runs have downloaded, where terraform looks
    /// first. Without them it downloads its own.
    pub(crate) fn offer_providers(&self) {
        let (root, lock) = (&self.folder.root, self.folder.lock_file());
        let Ok(lock) = folder::read_inside(root, &lock, MAX_LOCK_BYTES) else { return };
        let lock = String::from_utf8_lossy(&lock);
        let offered = self.runner.providers.offer(&self.job.organization_id, &lock, &self.folder.plugins());
        if let Err(error) = offered {
            tracing::warn!(job = %self.job.id, %error, "the providers of earlier runs could not be offered");
        }
    }

    /// Keeps what `init` has downloaded for later runs, while the run goes on.
    fn keep_providers(&self) {
        let (providers, organization_id, job) =
            (self.runner.providers.clone(), self.job.organization_id.clone(), self.job.id.clone());
        let (root, plugins) = (self.folder.root.clone(), self.folder.plugins());
        tokio::task::spawn_blocking(move || {
            // A run that ends meanwhile takes its folder with it.
            if let Err(error) = providers.keep(&organization_id, &root, &plugins) {
                tracing::debug!(%job, %error, "the providers of a run could not be kept for others");
            }
        });
    }

    /// Runs terraform; every piece of its output goes to `sink`. People's wishes reach it meanwhile. Answers also its
    /// output, or the end of it, if it is in the log.
    async fn run(&self, arguments: &[OsString], sink: Sink<'_>) -> Result<(Ended, Vec<u8>), RunnerError> {
        self.lease.check()?;
        if self.lease.is_stopped() {
            return Ok((Ended::Stopped(None), Vec::new()));
        }
        let (child, output) = self.start(arguments).await?;
        let Followed { ended, kept, exceeded } = self.follow(child, output, sink).await?;
        if self.lease.is_lost() {
            return Err(RunnerError::LeaseLost);
        }
        // One that had all but ended is not told of a limit.
        let exceeded = exceeded.or_else(|| self.group.as_ref()?.exceeded().map(Exceeded::from));
        if let Some(exceeded) = exceeded.filter(|_| has_failed(&ended)) {
            return Err(exceeded.explain(&self.runner.config.limits));
        }
        let kept = kept.map_err(|untaken| match untaken {
            Untaken::TooLong => too_long(arguments),
            Untaken::Unwritten(error) => RunnerError::file(&self.folder.root)(error),
        });
        Ok((ended, kept?))
    }

    /// Gives a sandbox its order, and makes the next one ready if it will be needed.
    async fn start(&self, arguments: &[OsString]) -> Result<(Child, pipe::Receiver), RunnerError> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Sandbox { child, mut orders, output } = match ready {
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
        Ok((child, output))
    }

    /// Goes with terraform to its end.
    async fn follow(
        &self,
        mut child: Child,
        mut output: pipe::Receiver,
        mut sink: Sink<'_>,
    ) -> Result<Followed, RunnerError> {
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let mut standing = self.lease.watch();
        let mut buffer = vec![0; 64 * 1024];
        let (mut is_open, mut was_asked, mut ended) = (true, false, None);
        let mut kept = Ok(Vec::new());
        let watch = Watch {
            limits: &self.runner.config.limits,
            phase: self.job.phase,
            until: self.until,
            folder: &self.folder.root,
            process: child.id().filter(|_| self.group.is_none()),
        };
        let (watched, mut exceeded) = (watch.exceeded(), None);
        let (graced, lingering) = (tokio::time::sleep(Duration::MAX), tokio::time::sleep(Duration::MAX));
        tokio::pin!(watched, graced);
        tokio::pin!(lingering);
        loop {
            if let (Some(status), false) = (ended, is_open) {
                let ended = if was_asked { Ended::Stopped(Some(status)) } else { Ended::Exited(status) };
                return Ok(Followed { ended, kept, exceeded });
            }
            let group = group.filter(|_| ended.is_none());
            tokio::select! {
                // A flood of output must not keep people's wishes away, nor is what was written cut off.
                biased;
                Ok(()) = standing.changed() => {
                    let signal = wanted_signal(*standing.borrow_and_update(), self.lease.is_admitted(), was_asked);
                    if let (Some(signal), Some(group)) = (signal, group) {
                        was_asked = true;
                        let _ = killpg(group, signal);
                    }
                }
                status = child.wait(), if ended.is_none() => {
                    ended = Some(status.map_err(broken)?);
                    lingering.as_mut().reset(Instant::now() + LINGER);
                }
                read = output.read(&mut buffer), if is_open => match (read, &mut kept) {
                    (Ok(0) | Err(_), _) => is_open = false,
                    (Ok(_), Err(_)) => {}
                    (Ok(length), Ok(all)) => if let Err(untaken) = sink.take(&buffer[..length], all).await {
                        kept = Err(untaken);
                        if let Some(group) = group {
                            let _ = killpg(group, Signal::SIGKILL);
                        }
                    },
                },
                over = &mut watched, if exceeded.is_none() && ended.is_none() => {
                    exceeded = Some(over);
                    let signal = if over.grace().is_some() { Signal::SIGINT } else { Signal::SIGKILL };
                    graced.as_mut().reset(Instant::now() + over.grace().unwrap_or_default());
                    if let Some(group) = group {
                        let _ = killpg(group, signal);
                    }
                }
                () = &mut graced, if exceeded.is_some() && ended.is_none() => {
                    graced.as_mut().reset(Instant::now() + LINGER);
                    if let Some(group) = group {
                        let _ = killpg(group, Signal::SIGKILL);
                    }
                }
                () = &mut lingering, if ended.is_some() => is_open = false,
            }
        }
    }

    /// Runs terraform with its output in a new file, which only we can read. Answers also the end of it.
    pub(crate) async fn run_into(&self, arguments: &[OsString], path: &Path) -> Result<(Ended, Vec<u8>), RunnerError> {
        let _ = std::fs::remove_file(path);
        let file =
            File::options().write(true).create_new(true).mode(0o600).open(path).map_err(RunnerError::file(path))?;
        self.run(arguments, Sink::File(file, MAX_DOCUMENT_BYTES)).await
    }

    /// Runs terraform with its output in the log. Answers also the end of it.
    pub(crate) async fn run_logged(
        &self,
        arguments: &[OsString],
        log: &Log,
        scanner: &mut Scanner,
    ) -> Result<(Ended, Vec<u8>), RunnerError> {
        self.run(arguments, Sink::Log(log, scanner)).await
    }

    /// Begins the log: three lines that clients throw away, then what is to be known of this run beforehand. Fails if
    /// terraform cannot be started with what the workspace says.
    pub(crate) async fn begin(&self, log: &Log) -> Result<(), RunnerError> {
        let name = self.engine.engine.kind.label();
        let version = &self.engine.engine.version;
        let level = self.runner.protection.level;
        let text =
            format!("{name} v{version}\non {}\nInitializing plugins and modules... (sandbox {level})", platform());
        log.line(&text).await;
        if level == SandboxLevel::L0 {
            log.line("Warning: this run is not sandboxed; it can read what the runner can.").await;
        }
        if let Some(warning) = masking::warning(&self.job) {
            log.line(&warning).await;
        }
        let (notices, checked) = self.check_environment();
        for notice in notices {
            log.line(&notice).await;
        }
        checked
    }

    /// `terraform init`; its output is shown only when it fails.
    pub(crate) async fn initialize(&self, log: &Log) -> Result<Option<Ended>, RunnerError> {
        let (ended, output) = self.run(&words(&[INIT, "-input=false", "-no-color"]), Sink::End(MAX_INIT_BYTES)).await?;
        match ended {
            Ended::Exited(status) if status.success() => {
                self.keep_providers();
                Ok(None)
            }
            Ended::Exited(status) => {
                log.write(&output).await;
                Err(Self::failure(status, &output, ReasonCode::InitFailed))
            }
            stopped @ Ended::Stopped(_) => Ok(Some(stopped)),
        }
    }

    /// What a failed start means. The log shows the output already.
    pub(crate) fn failure(status: ExitStatus, output: &[u8], reason: ReasonCode) -> RunnerError {
        let text = String::from_utf8_lossy(output);
        if status.code() == Some(i32::from(SETUP_FAILED)) {
            let step = text.lines().rev().find(|line| line.starts_with(SETUP_MESSAGE));
            let step = step.and_then(|line| line.strip_prefix(SETUP_MESSAGE)).unwrap_or("it did not say at which step");
            return unavailable(step);
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

#[expect(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
fn broken(error: std::io::Error) -> RunnerError {
    RunnerError::job(ReasonCode::Internal, format!("terraform could not be started: {error}"))
}

/// A step of the sandbox that failed.
fn unavailable(step: &str) -> RunnerError {
    RunnerError::job(
        ReasonCode::SandboxUnavailable,
        format!(
            "The sandbox of terraform could not be set up: {step}. Correct this on the runner, then queue a new run."
        ),
    )
}

/// A plan with changes ends with 2.
fn has_failed(ended: &Ended) -> bool {
    match ended {
        Ended::Exited(status) | Ended::Stopped(Some(status)) => !matches!(status.code(), Some(0 | 2)),
        Ended::Stopped(None) => false,
    }
}

/// What a change of the lease means for the child. One that may change things ends in order even if the lease is lost:
/// a killed terraform leaves behind what no state knows of.
fn wanted_signal(now: Standing, is_admitted: bool, was_asked: bool) -> Option<Signal> {
    match now.stop {
        StopRequest::Kill => Some(Signal::SIGKILL),
        _ if now.is_lost && !is_admitted => Some(Signal::SIGKILL),
        StopRequest::None if !now.is_lost => None,
        StopRequest::None | StopRequest::Interrupt => (!was_asked).then_some(Signal::SIGINT),
    }
}

/// More output than we are ready to hold.
fn too_long(arguments: &[OsString]) -> RunnerError {
    let command = arguments.first().map(|first| first.to_string_lossy()).unwrap_or_default();
    let limit = MAX_DOCUMENT_BYTES >> 20;
    RunnerError::job(
        ReasonCode::PlanFailed,
        format!(
            "terraform {command} wrote more than {limit} MiB, the most that is taken, so it was ended. Split the configuration into several workspaces, then queue a new run."
        ),
    )
}

/// The platform as terraform names it, after Go.
fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}_{architecture}", std::env::consts::OS)
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use super::*;

    #[tokio::test]
    async fn more_output_than_is_taken_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        let (mut sink, mut kept) = (Sink::File(file.try_clone().unwrap(), 3), Vec::new());
        sink.take(b"abc", &mut kept).await.unwrap();
        assert!(matches!(sink.take(b"d", &mut kept).await, Err(Untaken::TooLong)));
        let mut written = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut written).unwrap();
        assert_eq!(written, "abc");
        let message = too_long(&words(&["show", "-json"])).to_string();
        assert!(message.starts_with("terraform show wrote more than 1024 MiB"), "{message}");
    }

    #[test]
    fn only_what_may_have_changed_nothing_is_killed_when_the_lease_is_lost() {
        let (int, kill) = (Some(Signal::SIGINT), Some(Signal::SIGKILL));
        let table = [
            // wish, lost, admitted, asked before
            (StopRequest::None, false, true, false, None),
            (StopRequest::None, true, false, false, kill),
            (StopRequest::None, true, true, false, int),
            (StopRequest::None, true, true, true, None),
            (StopRequest::Interrupt, false, false, false, int),
            (StopRequest::Interrupt, false, false, true, None),
            (StopRequest::Interrupt, true, false, true, kill),
            (StopRequest::Interrupt, true, true, true, None),
            (StopRequest::Kill, true, true, true, kill),
            (StopRequest::Kill, false, false, true, kill),
        ];
        for (stop, is_lost, is_admitted, was_asked, expected) in table {
            let row = format!("{stop}, lost: {is_lost}, admitted: {is_admitted}, asked: {was_asked}");
            assert_eq!(wanted_signal(Standing::of(stop, is_lost), is_admitted, was_asked), expected, "{row}");
        }
    }

    #[test]
    fn a_sandbox_that_fails_says_at_which_step() {
        let status = ExitStatus::from_raw(i32::from(SETUP_FAILED) << 8);
        let error = Setting::failure(status, b"sandbox: mount /proc: EPERM\n", ReasonCode::PlanFailed);
        assert_eq!(error.reason(), ReasonCode::SandboxUnavailable);
        assert!(error.to_string().contains("could not be set up: mount /proc: EPERM."), "{error}");
    }
}
