//! What runs are kept from, and what they may use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use nix::unistd::getuid;
use serde::{Deserialize, Serialize};
use terrane_domain::runner_protocol::SandboxLevel;
use terrane_runner::RunLimits;

use super::Mode;
use crate::exit::Fatal;

/// The weakest sandbox to make do with; runs always get the strongest that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    /// What this server should have: `serve` as root insists on l2, everything else on l1.
    Default,
    /// A user of its own for each run, namespaces, Landlock, filtered system calls, limits held by the kernel.
    L2,
    /// What there is of that, but at least filtered system calls and namespaces or Landlock.
    L1,
    /// Nothing: whoever may plan may do what the server may do. Each run says so.
    Off,
}

/// As flags, environment variables, or the table `runs` of the file give them.
#[derive(Args, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RunsArguments {
    /// The weakest sandbox that runs may have; off only if you trust everyone who may plan [default: default]
    #[arg(long, env = "TERRANE_SANDBOX", value_name = "LEVEL")]
    sandbox: Option<Sandbox>,
    /// Folders that all runs may write to, beside their own
    #[arg(long = "run-writable", env = "TERRANE_RUN_WRITABLE", value_name = "FOLDER,...", value_delimiter = ',')]
    writable: Option<Vec<PathBuf>>,
    /// Folder with providers, laid out as terraform providers mirror makes it, that runs take instead of asking a registry
    #[arg(long = "run-provider-mirror", env = "TERRANE_RUN_PROVIDER_MIRROR", value_name = "FOLDER")]
    provider_mirror: Option<PathBuf>,
    /// Disk for providers that runs have downloaded and later runs of their organization get, or off [default: 10GiB]
    #[arg(long = "run-provider-cache", env = "TERRANE_RUN_PROVIDER_CACHE", value_name = "SIZE")]
    provider_cache: Option<String>,
    /// Memory of one run [default: 2GiB]
    #[arg(long = "run-memory", env = "TERRANE_RUN_MEMORY", value_name = "SIZE")]
    memory: Option<String>,
    /// Processes and threads of one run at a time [default: 512]
    #[arg(long = "run-processes", env = "TERRANE_RUN_PROCESSES", value_name = "NUMBER")]
    processes: Option<u64>,
    /// Disk that the folder of one run may take [default: 10GiB]
    #[arg(long = "run-disk", env = "TERRANE_RUN_DISK", value_name = "SIZE")]
    disk: Option<String>,
    /// Longest log of a plan or an apply; of a longer one the beginning and the end are kept [default: 256MiB]
    #[arg(id = "run_log", long = "run-log", env = "TERRANE_RUN_LOG", value_name = "SIZE")]
    log: Option<String>,
    /// How long a plan may take [default: 2h]
    #[arg(long = "run-plan-time", env = "TERRANE_RUN_PLAN_TIME", value_name = "TIME")]
    plan_time: Option<String>,
    /// How long an apply may take [default: 24h]
    #[arg(long = "run-apply-time", env = "TERRANE_RUN_APPLY_TIME", value_name = "TIME")]
    apply_time: Option<String>,
}

/// The settings in force.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RunsSettings {
    sandbox: Sandbox,
    /// Folders that all runs may write to.
    pub(crate) writable: Vec<PathBuf>,
    /// Folder with providers that runs take instead of asking a registry.
    pub(crate) provider_mirror: Option<PathBuf>,
    /// What a run may use.
    pub(crate) limits: RunLimits,
}

impl RunsSettings {
    /// The weakest level that the runner is to make do with.
    pub(crate) fn least(&self, mode: Mode) -> SandboxLevel {
        match self.sandbox {
            Sandbox::Default if mode == Mode::Serve && getuid().is_root() => SandboxLevel::L2,
            Sandbox::Default | Sandbox::L1 => SandboxLevel::L1,
            Sandbox::L2 => SandboxLevel::L2,
            Sandbox::Off => SandboxLevel::L0,
        }
    }
}

/// Merges what was given with the file and the defaults.
pub(super) fn resolve(given: RunsArguments, file: RunsArguments) -> Result<RunsSettings, Fatal> {
    let default = RunLimits::default();
    let writable = given.writable.or(file.writable).unwrap_or_default();
    let writable: Vec<PathBuf> = writable.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
    let provider_mirror = given.provider_mirror.or(file.provider_mirror).filter(|path| !path.as_os_str().is_empty());
    writable.iter().try_for_each(|path| check_folder("writable", path))?;
    provider_mirror.iter().try_for_each(|path| check_folder("provider-mirror", path))?;
    let size = |given: Option<String>, file: Option<String>, flag, default| {
        super::text(given).or(file).map_or(Ok(default), |text| parse_size(flag, &text))
    };
    let time = |given: Option<String>, file: Option<String>, flag, default| {
        super::text(given).or(file).map_or(Ok(default), |text| parse_time(flag, &text))
    };
    Ok(RunsSettings {
        sandbox: given.sandbox.or(file.sandbox).unwrap_or(Sandbox::Default),
        writable,
        provider_mirror,
        limits: RunLimits {
            memory_bytes: size(given.memory, file.memory, "memory", default.memory_bytes)?,
            provider_cache_bytes: match super::text(given.provider_cache).or(file.provider_cache).as_deref() {
                None => default.provider_cache_bytes,
                Some("off") => 0,
                Some(text) => parse_size("provider-cache", text)?,
            },
            processes: given.processes.or(file.processes).unwrap_or(default.processes),
            disk_bytes: size(given.disk, file.disk, "disk", default.disk_bytes)?,
            log_bytes: size(given.log, file.log, "log", default.log_bytes)?,
            plan_time: time(given.plan_time, file.plan_time, "plan-time", default.plan_time)?,
            apply_time: time(given.apply_time, file.apply_time, "apply-time", default.apply_time)?,
        },
    })
}

fn check_folder(flag: &str, path: &Path) -> Result<(), Fatal> {
    if path.is_absolute() && path.is_dir() {
        return Ok(());
    }
    Err(Fatal::Configuration(format!(
        "--run-{flag} {} is no folder; name one that is there, from the root on",
        path.display()
    )))
}

/// A number that is not zero, and its unit.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    number.trim().parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(*factor)
}

fn parse_size(flag: &str, text: &str) -> Result<u64, Fatal> {
    parse(text, &[("MiB", 1 << 20), ("GiB", 1 << 30)])
        .ok_or_else(|| Fatal::Configuration(format!("--run-{flag} {text} is no size; write it as 512MiB or 2GiB")))
}

fn parse_time(flag: &str, text: &str) -> Result<Duration, Fatal> {
    parse(text, &[("s", 1), ("m", 60), ("h", 3600)])
        .map(Duration::from_secs)
        .ok_or_else(|| Fatal::Configuration(format!("--run-{flag} {text} is no time; write it as 90s, 30m or 2h")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        for (text, size) in
            [("512MiB", Some(512 << 20)), ("2 GiB", Some(2 << 30)), ("2", None), ("0MiB", None), ("2GB", None)]
        {
            assert_eq!(parse_size("memory", text).ok(), size, "{text}");
        }
        for (text, seconds) in [("90s", Some(90)), ("30m", Some(1800)), ("2h", Some(7200)), ("2d", None), ("-1s", None)]
        {
            assert_eq!(parse_time("plan-time", text).ok(), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_an_explicit_word_gives_runs_no_sandbox() {
        let of = |sandbox, mode| {
            let arguments = RunsArguments { sandbox, ..RunsArguments::default() };
            resolve(arguments, RunsArguments::default()).unwrap().least(mode)
        };
        let serve = if getuid().is_root() { SandboxLevel::L2 } else { SandboxLevel::L1 };
        assert_eq!(of(None, Mode::Serve), serve);
        assert_eq!(of(None, Mode::Dev), SandboxLevel::L1);
        for mode in [Mode::Serve, Mode::Dev] {
            assert_eq!(of(Some(Sandbox::L2), mode), SandboxLevel::L2);
            assert_eq!(of(Some(Sandbox::L1), mode), SandboxLevel::L1);
            assert_eq!(of(Some(Sandbox::Off), mode), SandboxLevel::L0);
        }
    }
}
