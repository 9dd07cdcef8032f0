//! The runner is killed, alone or with everything else.

use std::thread;
use std::time::{Duration, Instant};

use crate::faults::{Endless, random_millis};
use crate::faults_checks::{ledger_faults, log_faults, state_faults};
use crate::faults_support::{Owner, Server, Workspace};
use crate::process::within;

const NOTICED_WITHIN: Duration = Duration::from_secs(45);

fn end_of_an_apply_whose_runner_is_killed(mut server: Server, killed: &[&str]) {
    let endless = Endless::new(&server);
    let workspace = &endless.workspace;
    let apply = workspace.apply();
    endless.wait();
    server.kill(killed);
    within(Duration::from_secs(1), || endless.processes().is_empty());
    let began = Instant::now();
    if killed.contains(&"supervisor") {
        server.start_again();
    }
    within(NOTICED_WITHIN, || workspace.status(&server) == "errored");
    eprintln!("noticed after {:?}", began.elapsed());
    drop(apply);

    assert_eq!(workspace.run(&server)["attributes"]["reason-code"], "runner-lost");
    let mut faults = ledger_faults(&workspace.ledger(), &["first", "second"]);
    faults
        .extend(log_faults(&workspace.log(&server, "apply"), &["terraform_data.first: Creation complete".to_owned()]));
    faults.extend(state_faults(&workspace.state(&server), &["terraform_data.first"]));
    assert_eq!(faults, Vec::<String>::new());

    assert_eq!(workspace.document(&server)["attributes"]["locked"], true);
    assert_eq!(workspace.force_unlock(&server), 200);
    assert_eq!(workspace.document(&server)["attributes"]["locked"], false);
    workspace.write(&server, "resource \"terraform_data\" \"first\" {}\n");
    let (code, shown) = workspace.apply().end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("No changes."), "{shown}");
    assert_eq!(ledger_faults(&workspace.ledger(), &["first", "second"]), Vec::<String>::new());
}

#[test]
fn an_apply_whose_runner_is_killed_ends_at_once_and_its_workspace_waits_for_a_person() {
    end_of_an_apply_whose_runner_is_killed(Server::start(), &["runner"]);
}

#[test]
fn so_does_one_of_a_server_that_is_not_root() {
    if nix::unistd::getuid().is_root() {
        end_of_an_apply_whose_runner_is_killed(Server::start_as(Owner::Nobody, &[]), &["runner"]);
    }
}

#[test]
fn so_does_one_of_a_server_that_has_no_namespaces() {
    if nix::unistd::getuid().is_root() {
        let server = Server::start_as(Owner::NobodyWithoutNamespaces, &[]);
        end_of_an_apply_whose_runner_is_killed(server, &["runner"]);
    }
}

#[test]
fn so_does_one_without_a_sandbox() {
    end_of_an_apply_whose_runner_is_killed(Server::start_with(&["--sandbox", "off"]), &["runner"]);
}

#[test]
fn an_apply_that_loses_every_process_ends_the_same_way_after_the_next_start() {
    end_of_an_apply_whose_runner_is_killed(Server::start(), &["supervisor", "runner", "server"]);
}

/// Some seconds of work for the plan alone.
const SLOW_PLAN: &str = r#"
locals {
  work = [for a in range(300) : [for b in range(1000) : md5("${a}-${b}")]]
}
resource "terraform_data" "planned" {
  input = length(flatten(local.work))
  provisioner "local-exec" {
    command = "echo planned >> SHARED/ledger"
  }
}
"#;

#[test]
fn a_plan_whose_runner_is_killed_is_made_again_and_the_attached_terraform_goes_on() {
    let server = Server::start();
    let workspace = Workspace::new(&server, "planned", SLOW_PLAN);
    let apply = workspace.apply();
    workspace.wait_for(&server, "planning");
    let moment = Duration::from_millis(500) + random_millis(1000);
    thread::sleep(moment);
    assert_eq!(workspace.status(&server), "planning");
    server.kill(&["runner"]);
    let (code, shown) = apply.end();
    assert_eq!(code, Some(0), "killed after {moment:?}: {shown}");
    let said = ["it begins again".to_owned(), "\"changes\":{\"add\":1".to_owned()];
    let mut faults = log_faults(&workspace.log(&server, "plan"), &said);
    faults.extend(ledger_faults(&workspace.ledger(), &["planned"]));
    faults.extend(state_faults(&workspace.state(&server), &["terraform_data.planned"]));
    assert_eq!(faults, Vec::<String>::new(), "killed after {moment:?}");
}
