//! The plan of a run: init, plan, and the documents made of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat};

use crate::child::{Ended, Setting, path_argument, words};
use crate::documents::{Scanner, redact_plan, write_schemas};
use crate::job::PhaseResult;
use crate::log::Log;
use crate::variables;
use crate::{RunnerError, folder, schemas};

/// The largest saved plan.
const MAX_PLAN_BYTES: u64 = 256 << 20;
/// The largest lock file.
pub(crate) const MAX_LOCK_BYTES: u64 = 1 << 20;

/// Makes a fresh folder with configuration and state.
pub(crate) async fn prepare(setting: &Setting) -> Result<(), RunnerError> {
    let (job, folder) = (&setting.job, &setting.folder);
    folder.create()?;
    if let Some(mirror) = &setting.runner.config.provider_mirror {
        folder.link_provider_mirror(mirror)?;
    }
    folder.write_cli_configuration(job)?;
    setting.make_ready();
    if !setting.fetch("configuration", &folder.archive()).await? {
        return Err(RunnerError::job(ReasonCode::ConfigurationInvalid, ReasonCode::ConfigurationInvalid.sentence()));
    }
    let unpacked = folder.clone();
    RunnerError::of_task(tokio::task::spawn_blocking(move || unpacked.unpack())).await?;
    folder.write_override()?;
    setting.offer_providers();
    let state = folder.state_file(&job.workspace_name);
    if let Some(parent) = state.parent() {
        std::fs::create_dir_all(parent).map_err(RunnerError::file(parent))?;
    }
    fetch_state(setting).await?;
    let path = folder.variables_file();
    std::fs::write(&path, variables::file(&job.variables)).map_err(RunnerError::file(&path))?;
    setting.give_folder()
}

/// Puts the workspace's newest state into the folder.
pub(crate) async fn fetch_state(setting: &Setting) -> Result<(), RunnerError> {
    let (job, folder) = (&setting.job, &setting.folder);
    let state = folder.state_file(&job.workspace_name);
    // Beside the folder: in it, a run may have laid a link where we write.
    let fetched = folder.root.with_extension("state");
    let is_there = setting.fetch("state", &fetched).await?;
    let copy = || {
        let mut to = folder::create_inside(&folder.root, &state)?;
        std::io::copy(&mut std::fs::File::open(&fetched)?, &mut to).map(drop)
    };
    let copied = if is_there { copy() } else { Ok(()) };
    let _ = std::fs::remove_file(&fetched);
    copied.map_err(RunnerError::file(&state))
}

fn arguments(setting: &Setting) -> Vec<OsString> {
    let (job, options) = (&setting.job, &setting.job.options);
    let mut list = words(&["plan", "-input=false", "-detailed-exitcode"]);
    list.push(path_argument("out", &setting.folder.plan_file()));
    list.push(path_argument("var-file", &setting.folder.variables_file()));
    list.push(if job.log_format == LogFormat::Structured { "-json" } else { "-no-color" }.into());
    if options.is_destroy {
        list.push("-destroy".into());
    }
    if options.refresh_only {
        list.push("-refresh-only".into());
    }
    if !options.refresh {
        list.push("-refresh=false".into());
    }
    list.extend(options.target_addrs.iter().map(|address| OsString::from(format!("-target={address}"))));
    list.extend(options.invoke_action_addrs.iter().map(|address| OsString::from(format!("-invoke={address}"))));
    list.extend(options.replace_addrs.iter().map(|address| OsString::from(format!("-replace={address}"))));
    if options.allow_config_generation {
        list.push(path_argument("generate-config-out", &setting.folder.module().join("generated.tf")));
    }
    list
}

/// Plans.
pub(crate) async fn run(setting: &Setting, log: &Log) -> Result<PhaseResult, RunnerError> {
    setting.begin(log).await?;
    prepare(setting).await?;
    if let Some(Ended::Stopped(_)) = setting.initialize(log).await? {
        return Ok(PhaseResult::canceled());
    }
    let mut scanner = Scanner::default();
    let (ended, shown) = setting.run_logged(&arguments(setting), log, &mut scanner).await?;
    let has_changes = match ended {
        Ended::Stopped(_) => return Ok(PhaseResult::canceled()),
        Ended::Exited(status) => match status.code() {
            Some(0) => false,
            Some(2) => true,
            _ => return Err(Setting::failure(status, &shown, ReasonCode::PlanFailed)),
        },
    };
    Ok(match send_documents(setting).await? {
        Some(documents) => PhaseResult::planned(has_changes, documents.counts, documents.generated_configuration),
        None => PhaseResult::canceled(),
    })
}

/// What the documents tell of the plan.
struct Documents {
    counts: ChangeCounts,
    generated_configuration: bool,
}

/// Makes the documents and sends them; nothing if it was stopped meanwhile. They lie beside the run's folder, where the run
/// cannot lay a hand on them.
async fn send_documents(setting: &Setting) -> Result<Option<Documents>, RunnerError> {
    let files = ["plan.tar", "plan.json", "redacted.json"].map(|name| setting.folder.root.with_extension(name));
    let sent = send_files(setting, &files).await;
    for file in &files {
        let _ = std::fs::remove_file(file);
    }
    sent
}

async fn send_files(
    setting: &Setting,
    [packed, plan, redacted]: &[PathBuf; 3],
) -> Result<Option<Documents>, RunnerError> {
    let (client, job) = (&setting.runner.client, &setting.job);
    let show = [words(&["show", "-json", "-no-color"]), vec![setting.folder.plan_file().into_os_string()]].concat();
    match setting.run_into(&show, plan).await? {
        (Ended::Exited(status), _) if status.success() => {}
        (Ended::Exited(status), shown) => return Err(Setting::failure(status, &shown, ReasonCode::PlanFailed)),
        (Ended::Stopped(_), _) => return Ok(None),
    }
    let rest = async {
        let facts = in_background(plan, redacted, |plan, redacted| Ok(redact_plan(plan, redacted)?)).await?;
        let (counts, generated_configuration) = (facts.counts, facts.generated_configuration);
        let ephemeral = variables::named(&job.variables, &facts.ephemeral_variables());
        if let Some(names) = &ephemeral {
            let path = setting.folder.ephemeral_file();
            folder::write_new(&path, names.as_bytes()).map_err(RunnerError::file(&path))?;
        }
        pack_plan(setting, ephemeral.as_deref(), packed)?;
        let redaction = async {
            let Some(schemas) = schemas::of(setting, facts.types).await? else { return Ok(None) };
            in_background(plan, redacted, move |_, redacted| write_schemas(redacted, &schemas)).await?;
            client.put_file(job, "redacted-plan", redacted).await.map(|()| Some(()))
        };
        let (sent, redacted) = tokio::join!(client.put_file(job, "plan", packed), redaction);
        sent?;
        Ok(redacted?.map(|()| Documents { counts, generated_configuration }))
    };
    let (json, documents) = tokio::join!(client.put_file(job, "json-plan", plan), rest);
    json?;
    documents
}

/// Works on the plan's JSON and on the end of the redacted document, away from what waits for the network.
async fn in_background<T: Send + 'static>(
    plan: &Path,
    redacted: &Path,
    work: impl FnOnce(BufReader<File>, BufWriter<File>) -> std::io::Result<T> + Send + 'static,
) -> Result<T, RunnerError> {
    let (plan, redacted) = (plan.to_owned(), redacted.to_owned());
    let unreadable = |error| RunnerError::job(ReasonCode::Internal, format!("The plan cannot be read: {error}."));
    let work = move || {
        let from = File::open(plan).map_err(unreadable)?;
        let to = File::options().create(true).append(true).mode(0o600).open(redacted).map_err(unreadable)?;
        work(BufReader::new(from), BufWriter::new(to)).map_err(unreadable)
    };
    RunnerError::of_task(tokio::task::spawn_blocking(work)).await
}

/// The run itself wrote the file, so it is the run that failed.
fn unreadable(error: &std::io::Error) -> RunnerError {
    RunnerError::job(ReasonCode::PlanFailed, format!("The saved plan cannot be read: {error}."))
}

/// Packs the saved plan, and beside it the lock file and the names of ephemeral variables: what an apply on another machine
/// needs.
fn pack_plan(setting: &Setting, ephemeral: Option<&str>, packed: &Path) -> Result<(), RunnerError> {
    let (root, plan_file) = (&setting.folder.root, setting.folder.plan_file());
    let plan = folder::open_for_reading(root, &plan_file).map_err(|error| unreadable(&error))?;
    let length = plan.metadata().map_err(|error| unreadable(&error))?.len();
    if length > MAX_PLAN_BYTES {
        return Err(unreadable(&folder::too_long(MAX_PLAN_BYTES)));
    }
    let _ = std::fs::remove_file(packed);
    let file = File::options().write(true).create_new(true).mode(0o600).open(packed);
    let mut archive = tar::Builder::new(BufWriter::new(file.map_err(RunnerError::file(packed))?));
    let mut add = |name: &str, length: u64, bytes: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        // A plan that changes its length meanwhile makes an archive that no apply can read.
        archive.append_data(&mut header, name, bytes.take(length))
    };
    add("tfplan", length, &mut &plan).map_err(RunnerError::file(packed))?;
    if let Ok(lock) = folder::read_inside(root, &setting.folder.lock_file(), MAX_LOCK_BYTES) {
        add("lock.hcl", lock.len() as u64, &mut &lock[..]).map_err(RunnerError::file(packed))?;
    }
    if let Some(names) = ephemeral {
        add("ephemeral", names.len() as u64, &mut names.as_bytes()).map_err(RunnerError::file(packed))?;
    }
    archive.into_inner().and_then(|mut file| file.flush()).map_err(RunnerError::file(packed))
}

/// Puts the saved plan of another folder into this one.
pub(crate) fn unpack_plan(setting: &Setting, packed: &PathBuf) -> Result<(), RunnerError> {
    let file = std::fs::File::open(packed).map_err(RunnerError::file(packed))?;
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(RunnerError::file(packed))? {
        let mut entry = entry.map_err(RunnerError::file(packed))?;
        let target = match entry.path_bytes().as_ref() {
            b"tfplan" => setting.folder.plan_file(),
            b"lock.hcl" => setting.folder.lock_file(),
            b"ephemeral" => setting.folder.ephemeral_file(),
            _ => continue,
        };
        folder::write_new(&target, &mut entry).map_err(RunnerError::file(&target))?;
    }
    std::fs::remove_file(packed).map_err(RunnerError::file(packed))
}

/// Whether the folder of the plan is still here.
pub(crate) fn is_kept(setting: &Setting) -> bool {
    folder::path_of(&setting.runner.config.data_dir, &setting.job.run_id).join("tfplan").is_file()
}
