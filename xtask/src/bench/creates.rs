//! Rates of durable creation.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Bench;
use super::api::{Api, pack, post_request, run_document, workspace_document};
use super::load::{Served, drive};
use super::runs::TRIVIAL;
use super::server::Server;
use super::slow_fsync::{DELAY, SlowFsync};
use super::table::{Row, Table};

const CLIENTS: u32 = 16;
const TIME: Duration = Duration::from_secs(3);

/// As the disk is.
pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "creates")?;
    let rows = [
        Row::at_least("create run, 16 clients, durable", 1_000.0, "/s"),
        Row::at_least("create workspace, 16 clients, durable", 1_500.0, "/s"),
    ];
    rates(bench, &server, rows, None, table)
}

/// With a disk that takes 5 ms longer for each fsync.
pub(super) fn measure_slowed(bench: &Bench, table: &mut Table) -> Result<()> {
    let rows = [
        Row::at_least("create run, fsync + 5 ms", 700.0, "/s"),
        Row::at_least("create workspace, fsync + 5 ms", 1_000.0, "/s"),
    ];
    let started = SlowFsync::build(bench.folder.path()).and_then(|slow| {
        let server = Server::start_with(bench, "slow-creates", &slow.environment())?;
        takes_effect(&slow, &server)?;
        Ok((slow, server))
    });
    match started {
        Ok((slow, server)) => rates(bench, &server, rows, Some(&slow), table),
        Err(error) => {
            for row in rows {
                table.not_measured(row, &format!("{error:#}"));
            }
            Ok(())
        }
    }
}

/// Refuses to measure with a delay that delays nothing.
fn takes_effect(slow: &SlowFsync, server: &Server) -> Result<()> {
    let mut api = Api::open(server)?;
    for number in 0..5 {
        let (before, start) = (slow.count(), Instant::now());
        api.create_workspace(&format!("probe-{number}"))?;
        let took = start.elapsed().as_secs_f64();
        ensure!(took >= DELAY && slow.count() > before, "the delay took no effect: a creation took {took:.4} s");
    }
    Ok(())
}

fn rates(bench: &Bench, server: &Server, rows: [Row; 2], slow: Option<&SlowFsync>, table: &mut Table) -> Result<()> {
    let mut api = Api::open(server)?;
    let workspace = api.create_workspace("locked")?;
    api.upload(&workspace, &pack(&bench.folder.path().join("trivial"), TRIVIAL)?)?;
    api.lock(&workspace)?;
    let run = post_request(server, "/api/v2/runs", &run_document(&workspace));
    let path = format!("/api/v2/organizations/{}/workspaces", server.organization);
    let new_workspace =
        |client: u32, number: u32| post_request(server, &path, &workspace_document(&format!("new-{client}-{number}")));

    let count = || slow.map_or(0, SlowFsync::count);
    let before = count();
    let runs = drive(server, CLIENTS, TIME, |_, _| Cow::Borrowed(&run[..]));
    report(rows[0], runs, count() - before, table);
    let before = count();
    let workspaces = drive(server, CLIENTS, TIME, |client, number| Cow::Owned(new_workspace(client, number)));
    report(rows[1], workspaces, count() - before, table);
    Ok(())
}

fn report(row: Row, served: Result<Served>, fsyncs: u64, table: &mut Table) {
    let cpu = served.as_ref().map_or(f64::NAN, Served::server_cpu);
    table.measure(row, || Ok(served?.rate()));
    let slowed = if fsyncs == 0 { String::new() } else { format!(", {fsyncs} slowed fsyncs") };
    table.note(format!("{}: {cpu:.3} ms CPU of the server for each{slowed}", row.what));
}
