//! What a lost apply left: handed over when its runner is back, and then a person decides.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use crate::faults::Endless;
use crate::faults_checks::{ledger_faults, state_faults};
use crate::faults_support::{Server, Workspace};
use crate::process::within;

const NOTICED_WITHIN: Duration = Duration::from_secs(45);
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(20);
const EVERYTHING: [&str; 3] = ["supervisor", "runner", "server"];

/// What is made in the end: the second waits until it may.
const MADE: &str = r#"
resource "terraform_data" "first" {
  provisioner "local-exec" {
    command = "echo first >> SHARED/ledger"
  }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "echo second >> SHARED/ledger; until test -e SHARED/go; do sleep 0.1; done"
  }
}
"#;

const NEVER_MADE: &str = r#"
resource "terraform_data" "third" {
  depends_on = [terraform_data.second]
  provisioner "local-exec" {
    command = "echo third >> SHARED/ledger; sleep 600"
  }
}
"#;

/// The states in the runner's spool.
fn spooled(server: &Server) -> Vec<PathBuf> {
    let jobs = std::fs::read_dir(server.data_dir().join("runner/spool")).unwrap().flatten();
    jobs.map(|job| job.path().join("state")).filter(|state| state.exists()).collect()
}

/// An apply that made the second resource while the server could not be reached; then everything was killed, and the
/// runner's disk came back only after the run was given up.
fn lost() -> (Server, Workspace) {
    let mut server = Server::start();
    let workspace = Workspace::new(&server, "lost", &format!("{MADE}{NEVER_MADE}"));
    let apply = workspace.apply();
    within(Duration::from_mins(1), || workspace.ledger().contains("second"));
    within(HANDED_OVER_WITHIN, || state_faults(&workspace.state(&server), &["terraform_data.first"]).is_empty());
    kill(server.pid("server"), Signal::SIGSTOP).unwrap();
    std::fs::write(workspace.shared.path().join("go"), "").unwrap();
    within(Duration::from_mins(1), || workspace.ledger().contains("third"));
    // The state's file is looked at every two seconds.
    thread::sleep(Duration::from_secs(4));
    assert_eq!(spooled(&server).len(), 1);
    server.kill(&EVERYTHING);
    drop(apply);

    let (spool, away) = (server.data_dir().join("runner/spool"), server.data_dir().join("runner/away"));
    std::fs::rename(&spool, &away).unwrap();
    server.start_again();
    within(NOTICED_WITHIN, || workspace.status(&server) == "errored");
    assert_eq!(workspace.run(&server)["attributes"]["reason-code"], "runner-lost");
    assert!(workspace.errored_state(&server).is_null());
    server.kill(&EVERYTHING);
    std::fs::remove_dir_all(&spool).unwrap();
    std::fs::rename(&away, &spool).unwrap();
    server.start_again();
    within(HANDED_OVER_WITHIN, || !workspace.errored_state(&server).is_null());
    within(HANDED_OVER_WITHIN, || spooled(&server).is_empty());
    (server, workspace)
}

/// The plan of the two resources, with which nothing was done until someone decided.
fn planned(server: &Server, workspace: &Workspace) -> String {
    workspace.write(server, MADE);
    let (code, shown) = workspace.terraform(&["plan"]).end();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(ledger_faults(&workspace.ledger(), &["first", "second", "third"]), Vec::<String>::new());
    shown
}

#[test]
fn a_lost_state_that_is_adopted_lets_terraform_know_what_was_made() {
    let (server, workspace) = lost();
    let both = ["terraform_data.first", "terraform_data.second"];
    assert_eq!(state_faults(&workspace.errored_state(&server), &both), Vec::<String>::new());
    assert_eq!(state_faults(&workspace.state(&server), &both[..1]), Vec::<String>::new());

    let (code, shown) = workspace.terraform(&["state", "rm", "terraform_data.first"]).end();
    assert_eq!(code, Some(1), "{shown}");
    let words = shown.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
    for part in ["adopt or discard", "`terraform force-unlock demo/lost`", "/app/demo/workspaces/lost/runs/run-"] {
        assert!(words.contains(part), "{part}: {shown}");
    }

    assert_eq!(workspace.act(&server, "adopt-state"), 204);
    assert_eq!(workspace.act(&server, "discard-state"), 409);
    assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
    assert_eq!(state_faults(&workspace.state(&server), &both), Vec::<String>::new());
    let shown = planned(&server, &workspace);
    assert!(shown.contains("No changes."), "{shown}");
}

#[test]
fn a_lost_state_that_is_discarded_leaves_the_last_good_one() {
    let (server, workspace) = lost();
    assert_eq!(workspace.act(&server, "discard-state"), 204);
    assert_eq!(workspace.act(&server, "adopt-state"), 409);
    assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
    let shown = planned(&server, &workspace);
    assert!(shown.contains("terraform_data.second will be created"), "{shown}");
    assert!(shown.contains("1 to add, 0 to change, 0 to destroy"), "{shown}");
}

#[test]
fn an_apply_whose_runner_was_away_ends_in_order_and_its_state_is_handed_over() {
    let server = Server::start();
    let endless = Endless::new(&server);
    let workspace = &endless.workspace;
    let apply = workspace.apply();
    endless.wait();
    kill(server.pid("runner"), Signal::SIGSTOP).unwrap();
    within(NOTICED_WITHIN, || workspace.status(&server) == "errored");
    kill(server.pid("runner"), Signal::SIGCONT).unwrap();
    within(HANDED_OVER_WITHIN, || endless.processes().is_empty());
    drop(apply);
    within(HANDED_OVER_WITHIN, || !workspace.errored_state(&server).is_null());
    within(HANDED_OVER_WITHIN, || spooled(&server).is_empty());
    let left = ["terraform_data.first", "terraform_data.second"];
    assert_eq!(state_faults(&workspace.errored_state(&server), &left), Vec::<String>::new());
    assert_eq!(state_faults(&workspace.state(&server), &left[..1]), Vec::<String>::new());
}
