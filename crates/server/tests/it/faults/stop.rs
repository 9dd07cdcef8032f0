//! The supervisor is stopped or killed, and what it started ends in order.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::faults::Endless;
use crate::faults_checks::{ledger_faults, log_faults, state_faults};
use crate::faults_support::{Server, Workspace};
use crate::process::{is_gone, within};

const SHORT: &str = r#"
resource "terraform_data" "item" {
  count = 2
  provisioner "local-exec" {
    command = "echo item-${count.index} >> SHARED/ledger; word=line; sleep 3; echo $word-${count.index}."
  }
}
"#;

#[test]
fn an_apply_outlives_its_supervisor_and_its_result_arrives_after_the_next_start() {
    let mut server = Server::start();
    let workspace = Workspace::new(&server, "short", SHORT);
    let apply = workspace.apply();
    within(Duration::from_mins(1), || workspace.ledger().lines().count() == 2);
    server.kill(&["supervisor"]);
    server.start_again();
    within(Duration::from_secs(45), || workspace.status(&server) == "applied");
    drop(apply);
    let mut faults = ledger_faults(&workspace.ledger(), &["item-0", "item-1"]);
    faults.extend(log_faults(&workspace.log(&server, "apply"), &["line-0.".to_owned(), "line-1.".to_owned()]));
    faults.extend(state_faults(&workspace.state(&server), &["terraform_data.item[0]", "terraform_data.item[1]"]));
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
}

#[test]
fn a_stop_interrupts_a_long_apply_keeps_its_state_and_leaves_nothing() {
    let mut server = Server::start();
    let endless = Endless::new(&server);
    let workspace = &endless.workspace;
    let apply = workspace.apply();
    endless.wait();
    let children = [server.pid("server"), server.pid("runner")];
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(), Some(0));
    assert!(children.into_iter().all(is_gone));
    assert_eq!(endless.processes(), Vec::<String>::new());
    assert!(!server.data_dir().join("runner/runs").exists());
    drop(apply);

    server.start_again();
    within(Duration::from_secs(45), || workspace.status(&server) == "errored");
    assert_eq!(workspace.run(&server)["attributes"]["reason-code"], "apply-failed");
    let mut faults = ledger_faults(&workspace.ledger(), &["first", "second"]);
    faults
        .extend(log_faults(&workspace.log(&server, "apply"), &["terraform_data.first: Creation complete".to_owned()]));
    faults.extend(state_faults(&workspace.state(&server), &["terraform_data.first", "terraform_data.second"]));
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
}
