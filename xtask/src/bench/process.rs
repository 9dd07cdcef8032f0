//! What the kernel tells of processes and of the machine.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::table::median;
use crate::children;
use crate::temporary::Folder;

/// CPU time that a process has used so far, its ended threads included.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    let ticks = cpu_ticks(&stat).context("/proc has no CPU times")?;
    Ok(Duration::from_millis(ticks * 1000 / ticks_per_second()))
}

/// User and system ticks. The name in parentheses before them may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

fn ticks_per_second() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let said = children::output_of(Command::new("getconf").arg("CLK_TCK"));
        said.and_then(|text| text.trim().parse().ok()).filter(|ticks| *ticks > 0).unwrap_or(100)
    })
}

/// A process's memory in MiB, with its share of what it shares.
pub(super) fn pss(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("smaps_rollup has no Pss")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("Pss is no number")?;
    Ok(kib / 1024.0)
}

/// The most memory that a process had since its peak was forgotten, in MiB.
pub(super) fn peak(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("status has no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is no number")?;
    Ok(kib / 1024.0)
}

/// Begins to look for a new peak.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
}

/// The load average of the last minute.
pub(super) fn load() -> String {
    load_averages().split_whitespace().next().unwrap_or("-").to_owned()
}

/// All load averages.
pub(super) fn load_averages() -> String {
    fs::read_to_string("/proc/loadavg").map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Milliseconds of one fsync after a small write: what every durable answer pays here.
pub(super) fn fsync_time(folder: &Folder) -> Result<f64> {
    let path = folder.path().join("fsync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..11 {
        file.write_all(&[0; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(path)?;
    Ok(median(&times))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1 0 0 0 17 25 0 0 20 0 1 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let pid = std::process::id();
        assert!(pss(pid).unwrap() > 0.1);
        assert!(cpu(pid).is_ok());
        assert!(cpu(u32::MAX).is_err());
    }
}
