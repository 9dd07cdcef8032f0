//! How soon a server answers, and what it needs while nobody asks.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::server::Server;
use super::table::{Row, Table, median};
use super::{Bench, process};

const START: Row = Row::at_most("start to first 200 of /healthz, existing folder", 0.05, "s");
const MEMORY: Row = Row::at_most("idle memory (PSS of supervisor, server, runner)", 30.0, "MiB");
const REPEATS: usize = 7;
const IDLE: Duration = Duration::from_secs(10);

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    // The first start makes the folder.
    drop(Server::start(bench, "startup")?);
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        times.push(Server::start(bench, "startup")?.took.as_secs_f64());
    }
    table.add(START, median(&times));

    let server = Server::start(bench, "startup")?;
    thread::sleep(IDLE);
    let supervisor = process::pss(server.supervisor())?;
    let (of_server, of_runner) = (process::pss(server.child("server")?)?, process::pss(server.child("runner")?)?);
    table.add(MEMORY, supervisor + of_server + of_runner);
    table.note(format!("memory: supervisor {supervisor:.1} MiB, server {of_server:.1} MiB, runner {of_runner:.1} MiB"));
    Ok(())
}
