//! What the guides tell people to type works.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::Terrane;

/// The blocks of a page that are marked as a shell's.
fn shell_blocks(page: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page)).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_call_of_the_pages_on_the_api_and_on_runs_works() {
    let terrane = Terrane::start();
    let folder = tempfile::tempdir().unwrap();
    let script = format!("set -euo pipefail\n{}\n{}", shell_blocks("api.md"), shell_blocks("run.md"));
    assert!(script.matches("api GET").count() > 10, "the pages have no blocks:\n{script}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder.path()).stdin(Stdio::null());
    command.env("TERRANE", format!("http://127.0.0.1:{}", terrane.port())).env("TOKEN", &terrane.token);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\"status\":\"applied\""), "{said}");
}
