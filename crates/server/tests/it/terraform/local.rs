//! Local execution: terraform works on the user's machine, the server keeps state and lock.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const WAITING: &str = r#"
resource "terraform_data" "local" {
  input = "here"
  provisioner "local-exec" {
    command = "until [ -e go ]; do sleep 0.02; done; touch done-here"
  }
}
output "where" {
  value = terraform_data.local.output
}
"#;

#[test]
fn a_local_apply_keeps_its_state_on_the_server_and_holds_the_lock_meanwhile() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, WAITING);
    workspace.set("execution-mode", "local");
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("Provisioning with 'local-exec'");
    let meanwhile = &workspace.document()["attributes"];
    assert_eq!(meanwhile["locked"], true);
    assert_eq!(meanwhile["locked-reason"], "Locked by Terraform");
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(1)
        .complains("Error: Error acquiring the state lock")
        .complains("workspace already locked");
    std::fs::write(workspace.path().join("go"), "").unwrap();
    apply.end().with(0).shows("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");

    assert!(workspace.path().join("done-here").exists());
    assert!(!workspace.path().join("terraform.tfstate").exists());
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    assert_eq!(workspace.run_statuses(), Vec::<String>::new());
    assert_eq!(workspace.resources(), ["terraform_data.local"]);
    assert_eq!(workspace.terraform(&["output", "-raw", "where"]).with(0).stdout, "here");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
}

#[test]
fn a_workspace_moves_between_remote_and_local_execution_with_its_state() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "a" { input = 1 }"#);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let lineage = workspace.state()["lineage"].clone();
    workspace.set("execution-mode", "local");
    workspace.write(r#"resource "terraform_data" "a" { input = 2 }"#);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("0 added, 1 changed, 0 destroyed.");
    workspace.set("execution-mode", "remote");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
    workspace.terraform(&["destroy", "-auto-approve"]).with(0).shows("1 destroyed.");
    assert_eq!(workspace.state()["lineage"], lineage);
}
