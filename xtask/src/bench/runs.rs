//! Trivial runs beside the same commands by hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::Bench;
use super::api::{Api, pack};
use super::by_hand::ByHand;
use super::server::Server;
use super::table::{Row, Table, median};

/// One resource that changes every time.
pub(super) const TRIVIAL: &str = "resource \"terraform_data\" \"trivial\" {\n  input = timestamp()\n}\n";
const SHARE: Row = Row::at_most("trivial run, created to applied, against by hand", 1.15, "x");
const MINUTE: Row = Row::at_least("runs a minute, 50 workspaces", 450.0, "/min");
const OF_BY_HAND: Row = Row::at_least("runs a minute, of those by hand", 90.0, "%");
const REPEATS: usize = 7;
const WORKSPACES: u32 = 50;
/// How long one run may take, and how long all of them.
const PATIENCE: Duration = Duration::from_mins(1);
const PATIENCE_FOR_ALL: Duration = Duration::from_mins(4);

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "runs")?;
    let archive = pack(&bench.folder.path().join("trivial"), TRIVIAL)?;
    one_at_a_time(bench, &server, &archive, table)?;
    many_at_once(bench, &server, &archive, table)
}

/// Interleaved, so that other load hits both alike.
fn one_at_a_time(bench: &Bench, server: &Server, archive: &[u8], table: &mut Table) -> Result<()> {
    let by_hand = ByHand::prepare(bench.folder.path().join("by-hand"), TRIVIAL)?;
    let mut api = Api::open(server)?;
    let workspace = api.create_workspace("one-at-a-time")?;
    api.upload(&workspace, archive)?;
    let (mut remote, mut typed) = (Vec::new(), Vec::new());
    // The first one fills caches.
    for number in 0..=REPEATS {
        let start = Instant::now();
        let run = api.create_run(&workspace)?;
        api.wait_for(&run, &["applied"], start + PATIENCE)?;
        let took = start.elapsed().as_secs_f64();
        let by_hand = by_hand.run()?;
        if number > 0 {
            remote.push(took);
            typed.push(by_hand);
        }
    }
    let (remote, typed) = (median(&remote), median(&typed));
    table.add(SHARE, remote / typed);
    table.note(format!("trivial run: {remote:.3} s, by hand {typed:.3} s"));
    Ok(())
}

/// Half of the commands by hand before the runs, half behind, for the same reason.
fn many_at_once(bench: &Bench, server: &Server, archive: &[u8], table: &mut Table) -> Result<()> {
    let cores = thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let folders =
        (0..cores).map(|number| ByHand::prepare(bench.folder.path().join(format!("by-hand-{number}")), TRIVIAL));
    let folders = folders.collect::<Result<Vec<_>>>()?;
    let mut api = Api::open(server)?;
    let mut workspaces = Vec::new();
    for number in 0..WORKSPACES {
        let workspace = api.create_workspace(&format!("many-{number}"))?;
        api.upload(&workspace, archive)?;
        workspaces.push(workspace);
    }

    let half = WORKSPACES as usize / 2;
    let before = typed_at_once(&folders, half)?;
    let start = Instant::now();
    let runs = workspaces.iter().map(|workspace| api.create_run(workspace)).collect::<Result<Vec<_>>>()?;
    for run in &runs {
        api.wait_for(run, &["applied"], start + PATIENCE_FOR_ALL)?;
    }
    let remote = per_minute(start.elapsed());
    let typed = per_minute(before + typed_at_once(&folders, half)?);
    table.add(MINUTE, remote);
    table.add(OF_BY_HAND, remote / typed * 100.0);
    table.note(format!("by hand, {cores} at a time: {typed:.0} /min"));
    Ok(())
}

fn per_minute(took: Duration) -> f64 {
    f64::from(WORKSPACES) / took.as_secs_f64() * 60.0
}

/// The commands `count` times, shared out to the folders, and the time until the last has ended.
fn typed_at_once(folders: &[ByHand], count: usize) -> Result<Duration> {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let work = |folder: &ByHand| -> Result<()> {
        while next.fetch_add(1, Ordering::Relaxed) < count {
            folder.run()?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = folders.iter().map(|folder| scope.spawn(move || work(folder))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok(start.elapsed())
}
