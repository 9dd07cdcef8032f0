//! Processes are killed while a saved plan waits for its apply, and while it gets it.

use std::thread;

use crate::faults::{is_long, random_millis};
use crate::faults_checks::{ledger_faults, log_faults, state_faults};
use crate::faults_support::{Server, Workspace};

const ONE_RESOURCE: &str = r#"
resource "terraform_data" "saved" {
  provisioner "local-exec" {
    command = "echo saved >> SHARED/ledger; for i in 1 2 3; do echo line-$i.; sleep 0.5; done"
  }
}
"#;

#[test]
fn a_saved_plan_waits_through_kills_and_is_applied_once() {
    let lines: Vec<String> = (1..=3).map(|line| format!("line-{line}.")).collect();
    for round in 0..if is_long() { 20 } else { 2 } {
        let mut server = Server::start();
        let workspace = Workspace::new(&server, "saved", ONE_RESOURCE);
        let plan = workspace.terraform(&["plan", "-out=saved.tfplan"]);
        let moments = [random_millis(3000), random_millis(3000)];
        thread::sleep(moments[0]);
        server.kill(&["server"]);
        let (code, shown) = plan.end();
        assert_eq!(code, Some(0), "round {round}, killed after {moments:?}: {shown}");
        assert_eq!(workspace.status(&server), "planned_and_saved");

        if round % 2 == 0 {
            server.kill(&["supervisor", "runner", "server"]);
            server.start_again();
        } else {
            server.kill(&["server"]);
        }
        assert_eq!(workspace.status(&server), "planned_and_saved");
        assert_eq!(workspace.ledger(), "");

        let apply = workspace.terraform(&["apply", "saved.tfplan"]);
        thread::sleep(moments[1]);
        server.kill(&["server"]);
        let (code, shown) = apply.end();
        assert_eq!(code, Some(0), "round {round}, killed after {moments:?}: {shown}");
        assert!(shown.contains("Apply complete! Resources: 1 added"), "killed after {moments:?}: {shown}");
        let mut faults = ledger_faults(&workspace.ledger(), &["saved"]);
        faults.extend(log_faults(&workspace.log(&server, "plan"), &[]));
        faults.extend(log_faults(&workspace.log(&server, "apply"), &lines));
        faults.extend(state_faults(&workspace.state(&server), &["terraform_data.saved"]));
        assert_eq!(faults, Vec::<String>::new(), "round {round}, killed after {moments:?}");
    }
}
