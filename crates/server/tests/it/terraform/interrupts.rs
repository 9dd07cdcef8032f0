//! Ctrl-C while a run is at work.

use std::time::Duration;

use serde_json::json;

use crate::bench::Terrane;
use crate::process::within;
use crate::terraform::workspace::Workspace;

#[test]
fn an_interrupted_apply_is_canceled_and_keeps_what_was_done() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(
        terrane,
        r#"
resource "terraform_data" "done" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.done]
  provisioner "local-exec" {
    command = "echo at work; sleep 30"
  }
}
"#,
    );
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("(local-exec): at work");
    apply.interrupt();
    apply.end().shows("The remote operation was successfully cancelled.");
    within(Duration::from_secs(20), || workspace.run_statuses() == ["canceled"]);
    assert!(workspace.resources().contains(&"terraform_data.done".to_owned()));
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}

#[test]
fn an_interrupted_wait_is_canceled_when_that_is_confirmed() {
    let terrane = Terrane::without_runner();
    let workspace = Workspace::initialized(&terrane, r#"resource "terraform_data" "a" {}"#);
    let mut apply = workspace.start(&["apply"]);
    apply.read_until("Waiting for the plan to start...");
    apply.interrupt();
    apply.read_until("Do you want to cancel the remote operation?");
    apply.answer("yes");
    apply.end().shows("The remote operation was successfully cancelled.");
    assert_eq!(workspace.run_statuses(), ["canceled"]);
}

#[test]
fn an_apply_that_ignores_its_interrupt_is_ended_by_force_and_frees_the_workspace() {
    let terrane = &Terrane::without_cool_off();
    let workspace = Workspace::initialized(
        terrane,
        r#"
resource "terraform_data" "stubborn" {
  provisioner "local-exec" {
    command = "trap '' INT; echo at work; for i in $(seq 60); do sleep 1; done"
  }
}
"#,
    );
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("(local-exec): at work");
    let run = workspace.runs()[0]["id"].as_str().unwrap().to_owned();
    let act = |action: &str| terrane.post(&format!("runs/{run}/actions/{action}"), &json!({})).status;
    assert_eq!(act("force-cancel"), 409);
    assert_eq!(act("cancel"), 202);
    assert_eq!(act("force-cancel"), 202);
    apply.end().with(1);
    let ended = workspace.runs()[0]["attributes"].clone();
    assert_eq!((&ended["status"], &ended["reason-code"]), (&"canceled".into(), &"force-canceled".into()));
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}
