//! The apply of a run's saved plan, at most once.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::LogFormat;
use terrane_domain::state_versions::MAX_STATE_BYTES;

use crate::RunnerError;
use crate::child::{Ended, Setting, path_argument, words};
use crate::documents::Scanner;
use crate::job::{Deliveries, PhaseResult};
use crate::log::Log;
use crate::spool::Spool;
use crate::state::{self, StateWatch};
use crate::{folder, plan, variables};

/// Uses the folder of the plan if it was kept; otherwise makes it again, with the same lock file.
async fn prepare(setting: &Setting, log: &Log) -> Result<Option<Ended>, RunnerError> {
    if plan::is_kept(setting) {
        setting.make_ready();
        // The plan's token has ended with it.
        setting.folder.write_cli_configuration(&setting.job)?;
        // The state may have changed since; terraform itself sees then that the plan is stale.
        plan::fetch_state(setting).await?;
        setting.give_folder()?;
        return Ok(None);
    }
    plan::prepare(setting).await?;
    let packed = setting.folder.root.join("plan.tar");
    if !setting.fetch("plan", &packed).await? {
        return Err(RunnerError::job(ReasonCode::PlanStale, ReasonCode::PlanStale.sentence()));
    }
    plan::unpack_plan(setting, &packed)?;
    // The plan's lock file may name more than the configuration's.
    setting.offer_providers();
    setting.give_folder()?;
    setting.initialize(log).await
}

/// The most names of ephemeral variables that are taken, in bytes.
const MAX_NAMES_BYTES: u64 = 1 << 20;

/// Writes the variables that the plan could not keep, if it has any, and answers where.
fn ephemeral_variables(setting: &Setting) -> Result<Option<PathBuf>, RunnerError> {
    let (root, names) = (&setting.folder.root, setting.folder.ephemeral_file());
    let Ok(names) = folder::read_inside(root, &names, MAX_NAMES_BYTES) else { return Ok(None) };
    let path = setting.folder.variables_file();
    let text = variables::file_of(&setting.job.variables, &String::from_utf8_lossy(&names));
    let written = folder::create_inside(root, &path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(RunnerError::file(&path))?;
    setting.give_folder()?;
    Ok(Some(path))
}

/// Applies. What is still on its way to the server at the end is added to `deliveries`.
pub(crate) async fn run(
    setting: &Setting,
    log: &Log,
    spool: Arc<Spool>,
    deliveries: &mut Deliveries,
) -> Result<PhaseResult, RunnerError> {
    setting.begin(log).await?;
    if let Some(Ended::Stopped(_)) = prepare(setting, log).await? {
        return Ok(PhaseResult::canceled());
    }
    let (root, state) = (setting.folder.root.clone(), setting.folder.state_file(&setting.job.workspace_name));
    let last = state::first_serial(&root, &state, MAX_STATE_BYTES)?;
    // From here on an unknown outcome is never repeated.
    setting.runner.client.admit(&setting.job).await?;
    setting.lease.set_admitted();
    let watch = StateWatch::start(setting.runner.clone(), setting.job.clone(), spool, (root, state), last);
    let is_structured = setting.job.log_format == LogFormat::Structured;
    let mut arguments = words(&["apply", "-input=false", if is_structured { "-json" } else { "-no-color" }]);
    if let Some(path) = ephemeral_variables(setting)? {
        arguments.push(path_argument("var-file", &path));
    }
    arguments.push(setting.folder.plan_file().into_os_string());
    let mut scanner = Scanner::default();
    let ended = setting.run_logged(&arguments, log, &mut scanner).await;
    let (spooled, delivery) = watch.finish().await;
    deliveries.push(delivery);
    spooled?;
    let (ended, shown) = ended?;
    match ended {
        // Also one that was interrupted when there was nothing left to stop.
        Ended::Exited(status) | Ended::Stopped(Some(status)) if status.success() => {
            Ok(PhaseResult::finished(false, scanner.counts()))
        }
        Ended::Stopped(_) => Ok(PhaseResult::interrupted()),
        Ended::Exited(status) => Err(Setting::failure(status, &shown, ReasonCode::ApplyFailed)),
    }
}
