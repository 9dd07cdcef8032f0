//! The server is killed.

use std::thread;

use crate::faults::{is_long, random_millis};
use crate::faults_checks::{ledger_faults, log_faults, state_faults};
use crate::faults_support::{Server, Workspace};

const TWO_RESOURCES: &str = r#"
resource "terraform_data" "item" {
  count = 2
  provisioner "local-exec" {
    command = "echo item-${count.index} >> SHARED/ledger; for i in $(seq LINES); do echo line-${count.index}-$i.; sleep PAUSE; done"
  }
}
"#;

/// What the random moment of a kill follows.
#[derive(Clone, Copy)]
enum Since {
    TerraformStarted,
    ApplyStarted,
}

/// Kills a server in each round, within 3 seconds after `since`: the attached terraform must end as if it had lived.
fn kills(since: Since, rounds: u64) {
    for round in 0..rounds {
        let server = Server::start();
        let (lines, pause) = if round % 2 == 0 { (3, "1") } else { (200, "0.013") };
        let configuration = TWO_RESOURCES.replace("LINES", &lines.to_string()).replace("PAUSE", pause);
        let workspace = Workspace::new(&server, "killed", &configuration);
        let apply = workspace.apply();
        if matches!(since, Since::ApplyStarted) {
            workspace.wait_for(&server, "applying");
        }
        let moment = random_millis(3000);
        thread::sleep(moment);
        server.kill(&["server"]);
        let (code, shown) = apply.end();
        assert_eq!(code, Some(0), "round {round}, killed after {moment:?}: {shown}");
        assert!(shown.contains("Apply complete! Resources: 2 added"), "killed after {moment:?}: {shown}");
        let said: Vec<String> =
            (0..2).flat_map(|item| (1..=lines).map(move |line| format!("line-{item}-{line}."))).collect();
        let mut faults = ledger_faults(&workspace.ledger(), &["item-0", "item-1"]);
        faults.extend(log_faults(&workspace.log(&server, "apply"), &said));
        faults.extend(state_faults(&workspace.state(&server), &["terraform_data.item[0]", "terraform_data.item[1]"]));
        assert_eq!(faults, Vec::<String>::new(), "killed after {moment:?}");
    }
}

#[test]
fn a_server_that_is_killed_during_an_apply_costs_the_attached_terraform_nothing() {
    kills(Since::ApplyStarted, if is_long() { 20 } else { 3 });
}

#[test]
fn a_server_that_is_killed_before_or_during_a_plan_costs_the_attached_terraform_nothing() {
    kills(Since::TerraformStarted, if is_long() { 20 } else { 2 });
}
