//! How soon a line that terraform writes can be read.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::api::{Api, pack, path_of};
use super::client::{Connection, request};
use super::server::Server;
use super::table::{Row, Table, median, percentile};

const ROW: Row = Row::at_most("line of terraform to reader, p95", 0.2, "s");
const LINES: usize = 20;
/// Each line tells when it was printed, in nanoseconds since 1970.
const MARK: &str = "printed-at-";
const CONFIGURATION: &str = r#"
resource "terraform_data" "lines" {
  provisioner "local-exec" {
    command = "for line in $(seq 20); do echo printed-at-$(date +%s%N); sleep 0.3; done"
  }
}
"#;
const PATIENCE: Duration = Duration::from_mins(1);
/// What go-tfe asks for at a time, and how long it rests after an empty answer.
const LIMIT: usize = 64 * 1024;
const REST: Duration = Duration::from_millis(500);
/// How a log ends.
const END_OF_TEXT: u8 = 3;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "log-lines")?;
    let mut api = Api::open(&server)?;
    let workspace = api.create_workspace("lines")?;
    api.upload(&workspace, &pack(&bench.folder.path().join("lines"), CONFIGURATION)?)?;
    let run = api.create_run(&workspace)?;
    let deadline = Instant::now() + PATIENCE;
    let found = api.wait_for(&run, &["applying"], deadline)?;
    let apply = found["relationships"]["apply"]["data"]["id"].as_str().context("a run has no apply")?.to_owned();
    let apply = api.get(&format!("/api/v2/applies/{apply}"))?;
    let url = apply["data"]["attributes"]["log-read-url"].as_str().context("an apply has no log")?;
    let delays = read(&mut Connection::open(server.address)?, path_of(url)?, deadline)?;
    api.wait_for(&run, &["applied"], deadline)?;
    ensure!(delays.len() == LINES, "{} of {LINES} lines were read", delays.len());
    table.add(ROW, percentile(&delays, 95));
    let most = percentile(&delays, 100);
    table.note(format!("line to reader: median {:.3} s, at most {most:.3} s", median(&delays)));
    Ok(())
}

/// Reads the log to its end as go-tfe does, and tells each line's delay.
fn read(connection: &mut Connection, path: &str, deadline: Instant) -> Result<Vec<f64>> {
    let (mut log, mut seen, mut delays) = (Vec::new(), HashSet::new(), Vec::new());
    while log.last() != Some(&END_OF_TEXT) {
        ensure!(Instant::now() < deadline, "the log did not end");
        let query = format!("{path}?limit={LIMIT}&offset={}", log.len());
        let answer = connection.send(&request("GET", &query, None, "", b""))?;
        answer.expect_success("a log read")?;
        let now = since_1970()?;
        if answer.body.is_empty() {
            thread::sleep(REST);
        }
        log.extend_from_slice(answer.body);
        // A structured log holds each line twice.
        delays.extend(
            stamps(&String::from_utf8_lossy(&log))
                .filter(|stamp| seen.insert(*stamp))
                .map(|stamp| now.saturating_sub(Duration::from_nanos(stamp)).as_secs_f64()),
        );
    }
    Ok(delays)
}

/// The times in all complete marks.
fn stamps(log: &str) -> impl Iterator<Item = u64> {
    log.split(MARK).skip(1).filter_map(|rest| {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        rest[..digits].parse().ok()
    })
}

#[expect(clippy::disallowed_methods, reason = "the lines carry the time of day, so the reader must know it too")]
fn since_1970() -> Result<Duration> {
    Ok(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_stamps_are_read() {
        let log = "echo printed-at-$(date)\n\"a: printed-at-12\"\nprinted-at-34\nprinted-at-5";
        assert_eq!(stamps(log).collect::<Vec<_>>(), [12, 34]);
    }
}
