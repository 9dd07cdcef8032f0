//! What a run costs that writes a hundred megabytes and a line of ten, with a reader who wants all of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::api::{Api, pack, path_of};
use super::client::{Connection, request};
use super::process::{forget_peak, peak};
use super::server::Server;
use super::table::{Row, Table};

const SERVER: Row = Row::at_most("100 MB of log, a 10 MB line: the server's memory grows by", 32.0, "MiB");
const RUNNER: Row = Row::at_most("the same: the runner's memory grows by", 64.0, "MiB");
const TIME: Row = Row::free("the same: from the apply's begin until all of it is read", "s");
/// The first run takes up what any run needs.
const CONFIGURATION: &str = r#"
variable "bytes" {
  default = 100
}
resource "terraform_data" "flood" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command = <<-EOT
      yes "$(head -c 999 /dev/zero | tr '\0' x)" | head -c ${var.bytes}; echo
      echo the end of the flood
    EOT
  }
}
# terraform writes all outputs in one line, and drops long lines of a provisioner itself.
output "long" {
  value = join("", [for part in range(10) : format("%0${var.bytes / 100}d", part)])
}
"#;
const BYTES: usize = 100_000_000;
const PATIENCE: Duration = Duration::from_mins(3);
/// What go-tfe asks for at a time.
const LIMIT: usize = 64 * 1024;
/// How a log ends.
const END_OF_TEXT: u8 = 3;

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let server = Server::start(bench, "flood")?;
    let mut api = Api::open(&server)?;
    for bytes in [100, BYTES] {
        let workspace = api.create_workspace(&format!("flood-{bytes}"))?;
        let configuration = CONFIGURATION.replace("default = 100", &format!("default = {bytes}"));
        api.upload(&workspace, &pack(&bench.folder.path().join(format!("flood-{bytes}")), &configuration)?)?;
        let pids = [server.child("server")?, server.child("runner")?];
        let before = pids.map(|pid| forget_peak(pid).and_then(|()| peak(pid)));
        let run = api.create_run(&workspace)?;
        let (start, deadline) = (Instant::now(), Instant::now() + PATIENCE);
        let found = api.wait_for(&run, &["applying", "applied"], deadline)?;
        let apply = found["relationships"]["apply"]["data"]["id"].as_str().context("a run has no apply")?.to_owned();
        let apply = api.get(&format!("/api/v2/applies/{apply}"))?;
        let url = apply["data"]["attributes"]["log-read-url"].as_str().context("an apply has no log")?;
        let length = read(&mut Connection::open(server.address)?, path_of(url)?, deadline)?;
        let took = start.elapsed();
        api.wait_for(&run, &["applied"], deadline)?;
        ensure!(length > bytes + bytes / 10, "only {length} bytes of the log came");
        if bytes == BYTES {
            for ((row, pid), before) in [SERVER, RUNNER].into_iter().zip(pids).zip(before) {
                table.add(row, peak(pid)? - before?);
            }
            table.add(TIME, took.as_secs_f64());
            table.note(format!("the flood's log has {} MB", length / 1_000_000));
        }
    }
    Ok(())
}

/// Reads the log to its end, keeps nothing of it, and tells its length.
fn read(connection: &mut Connection, path: &str, deadline: Instant) -> Result<usize> {
    let (mut length, mut end) = (0, Vec::new());
    while end.last() != Some(&END_OF_TEXT) {
        ensure!(Instant::now() < deadline, "the log did not end within {} s", PATIENCE.as_secs());
        let answer =
            connection.send(&request("GET", &format!("{path}?limit={LIMIT}&offset={length}"), None, "", b""))?;
        answer.expect_success("a log read")?;
        length += answer.body.len();
        end = [&end, answer.body].concat().split_off((end.len() + answer.body.len()).saturating_sub(LIMIT));
    }
    let end = String::from_utf8_lossy(&end);
    ensure!(end.contains("9\""), "the log does not end with the output");
    Ok(length)
}
