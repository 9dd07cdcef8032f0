//! The plan of a run: init, plan, and the documents made of it.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::Value;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat};

use crate::child::{Ended, Setting, path_argument, words};
use crate::documents::{Scanner, ephemeral_variables, has_generated_configuration, plan_counts, redacted_plan};
use crate::job::PhaseResult;
use crate::log::Log;
use crate::variables;
use crate::{RunnerError, folder, schemas};

/// The largest saved plan; it is held in memory.
const MAX_PLAN_BYTES: u64 = 256 << 20;
/// The largest lock file.
pub(crate) const MAX_LOCK_BYTES: u64 = 1 << 20;

/// Makes a fresh folder with configuration and state.
pub(crate) async fn prepare(setting: &Setting) -> Result<(), RunnerError> {
    let (client, job, folder) = (&setting.runner.client, &setting.job, &setting.folder);
    folder.create()?;
    setting.make_ready();
    if !client.fetch(job, "configuration", &folder.archive()).await? {
        return Err(RunnerError::job(ReasonCode::ConfigurationInvalid, ReasonCode::ConfigurationInvalid.sentence()));
    }
    let unpacked = folder.clone();
    RunnerError::of_task(tokio::task::spawn_blocking(move || unpacked.unpack())).await?;
    folder.write_override()?;
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
    let is_there = setting.runner.client.fetch(job, "state", &fetched).await?;
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
    setting.write_header(log).await;
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
        Some(documents) => PhaseResult::planned(has_changes, documents.counts, documents.has_generated_configuration),
        None => PhaseResult::canceled(),
    })
}

/// What the documents tell of the plan.
struct Facts {
    counts: ChangeCounts,
    has_generated_configuration: bool,
}

/// Makes the documents and sends them; nothing if it was stopped meanwhile.
async fn send_documents(setting: &Setting) -> Result<Option<Facts>, RunnerError> {
    let (client, job) = (&setting.runner.client, &setting.job);
    let plan_file = setting.folder.plan_file();
    let show = [words(&["show", "-json", "-no-color"]), vec![plan_file.clone().into_os_string()]].concat();
    let (ended, shown) = setting.run_quietly(&show).await?;
    let plan: Value = match ended {
        Ended::Exited(status) if status.success() => serde_json::from_slice(&shown)
            .map_err(|error| RunnerError::job(ReasonCode::Internal, format!("The plan cannot be read: {error}.")))?,
        Ended::Exited(status) => return Err(Setting::failure(status, &shown, ReasonCode::PlanFailed)),
        Ended::Stopped(_) => return Ok(None),
    };
    let facts = Facts { counts: plan_counts(&plan), has_generated_configuration: has_generated_configuration(&plan) };
    let ephemeral = variables::named(&job.variables, &ephemeral_variables(&plan));
    let path = setting.folder.ephemeral_file();
    if let Some(names) = &ephemeral {
        folder::write_new(&path, names.as_bytes()).map_err(RunnerError::file(&path))?;
    }
    let saved = pack_plan(setting, ephemeral.as_deref())?;
    let redacted = async {
        let Some(schemas) = schemas::of(setting, &plan).await? else { return Ok(false) };
        client.put(job, "redacted-plan", redacted_plan(plan, &schemas).to_string().into()).await.map(|()| true)
    };
    let (sent, json, redacted) =
        tokio::join!(client.put(job, "plan", saved.into()), client.put(job, "json-plan", shown.into()), redacted);
    sent?;
    json?;
    if !redacted? {
        return Ok(None);
    }
    Ok(Some(facts))
}

/// The run itself wrote the file, so it is the run that failed.
fn unreadable(error: &std::io::Error) -> RunnerError {
    RunnerError::job(ReasonCode::PlanFailed, format!("The saved plan cannot be read: {error}."))
}

/// The saved plan, and beside it the lock file and the names of ephemeral variables: what an apply on another machine
/// needs.
fn pack_plan(setting: &Setting, ephemeral: Option<&str>) -> Result<Vec<u8>, RunnerError> {
    let (root, plan_file) = (&setting.folder.root, setting.folder.plan_file());
    let plan = folder::read_inside(root, &plan_file, MAX_PLAN_BYTES).map_err(|error| unreadable(&error))?;
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, bytes)
    };
    add("tfplan", &plan).map_err(RunnerError::file(&plan_file))?;
    if let Ok(lock) = folder::read_inside(root, &setting.folder.lock_file(), MAX_LOCK_BYTES) {
        add("lock.hcl", &lock).map_err(RunnerError::file(&plan_file))?;
    }
    if let Some(names) = ephemeral {
        add("ephemeral", names.as_bytes()).map_err(RunnerError::file(&plan_file))?;
    }
    archive.into_inner().map_err(RunnerError::file(plan_file))
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
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).map_err(RunnerError::file(&target))?;
        folder::write_new(&target, &bytes).map_err(RunnerError::file(&target))?;
    }
    std::fs::remove_file(packed).map_err(RunnerError::file(packed))
}

/// Whether the folder of the plan is still here.
pub(crate) fn is_kept(setting: &Setting) -> bool {
    folder::path_of(&setting.runner.config.data_dir, &setting.job.run_id).join("tfplan").is_file()
}
