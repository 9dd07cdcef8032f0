//! The server is killed, again and again, while a run writes more than anybody reads.

use std::thread;
use std::time::Duration;

use crate::faults::{is_long, random_millis};
use crate::faults_checks::{ledger_faults, log_faults, numbered_faults, state_faults};
use crate::faults_support::{Server, Workspace};

/// Lines of a kilobyte, each with its number.
const CHATTY: &str = r#"
resource "terraform_data" "chatty" {
  provisioner "local-exec" {
    command = "echo chatty >> SHARED/ledger; seq -f \"line-%07.0f. $(head -c 985 /dev/zero | tr '\\0' x)\" LINES"
  }
}
"#;

#[test]
fn a_chatty_run_whose_server_is_killed_again_and_again_shows_every_line_once() {
    let (lines, kills, pause) =
        if is_long() { (100_000, 10, Duration::from_secs(8)) } else { (6_000, 2, Duration::from_millis(1500)) };
    let server = Server::start();
    let workspace = Workspace::new(&server, "chatty", &CHATTY.replace("LINES", &lines.to_string()));
    let apply = workspace.apply();
    workspace.wait_for(&server, "applying");
    let mut moments = Vec::new();
    for _ in 0..kills {
        let moment = random_millis(1000) + pause;
        thread::sleep(moment);
        moments.push((moment, workspace.status(&server)));
        server.kill(&["server"]);
    }
    let (code, shown) = apply.end_within(Duration::from_mins(if is_long() { 40 } else { 5 }));
    let end: String = shown.chars().rev().take(2000).collect::<Vec<_>>().into_iter().rev().collect();
    assert_eq!(code, Some(0), "killed after {moments:?}: {end}");
    assert!(shown.contains("Apply complete! Resources: 1 added"), "killed after {moments:?}: {end}");
    let log = workspace.log(&server, "apply");
    let mut faults = ledger_faults(&workspace.ledger(), &["chatty"]);
    faults.extend(numbered_faults("shown", shown.as_bytes(), lines));
    faults.extend(numbered_faults("log", &log, lines));
    faults.extend(log_faults(&log, &[]));
    faults.extend(state_faults(&workspace.state(&server), &["terraform_data.chatty"]));
    assert_eq!(faults, Vec::<String>::new(), "killed after {moments:?}");
    assert_eq!(moments[0].1, "applying", "no kill came while it wrote");
}
