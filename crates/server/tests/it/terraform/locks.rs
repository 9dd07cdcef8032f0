//! Workspaces that somebody has locked.

use std::time::Duration;

use serde_json::json;

use crate::bench::Terrane;
use crate::process::within;
use crate::terraform::workspace::Workspace;

const ONE: &str = r#"resource "terraform_data" "one" {}"#;

fn act(terrane: &Terrane, workspace: &Workspace<'_>, action: &str) -> u16 {
    terrane.post(&format!("workspaces/{}/actions/{action}", workspace.id()), &json!({ "reason": "Maintenance" })).status
}

#[test]
fn an_apply_waits_for_a_locked_workspace_and_a_plan_does_not() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, ONE);
    assert_eq!(act(terrane, &workspace, "lock"), 200);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(2);
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("Waiting for the manually locked workspace to be unlocked...");
    assert_eq!(workspace.run_statuses(), ["pending"]);
    assert_eq!(act(terrane, &workspace, "unlock"), 200);
    apply.end().with(0).shows("Apply complete! Resources: 1 added");
}

#[test]
fn an_apply_gives_up_when_the_lock_outlasts_its_patience() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, ONE);
    assert_eq!(act(terrane, &workspace, "lock"), 200);
    workspace
        .terraform(&["apply", "-auto-approve", "-lock-timeout=2s"])
        // As after any interrupt, terraform goes by the run as it was before.
        .with(0)
        .shows("Lock timeout exceeded, sending interrupt to cancel the remote operation.");
    within(Duration::from_secs(20), || workspace.run_statuses() == ["canceled"]);
}

#[test]
fn a_lock_is_taken_away_by_force_only_by_its_own_name() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, ONE);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    assert_eq!(act(terrane, &workspace, "lock"), 200);
    workspace.terraform(&["state", "rm", "terraform_data.one"]).with(1).complains(r#"(lock ID: "demo/app")"#);
    workspace.terraform(&["force-unlock", "-force", "demo/other"]).with(1).complains("demo/other");
    assert_eq!(workspace.document()["attributes"]["locked"], true);
    workspace
        .terraform(&["force-unlock", "-force", "demo/app"])
        .with(0)
        .shows("Terraform state has been successfully unlocked!");
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    workspace.terraform(&["force-unlock", "-force", "demo/app"]).with(1).complains("workspace already unlocked");
    workspace.terraform(&["state", "rm", "terraform_data.one"]).with(0);
}
