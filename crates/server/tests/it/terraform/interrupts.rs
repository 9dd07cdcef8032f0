//! Ctrl-C while a run is at work. The exit codes are terraform's own: it looks at the run before it cancels it, and ends
//! with 0 where that run had not failed; a plan whose log it no longer reads it knows nothing of, and ends with 1.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;

use crate::bench::Terrane;
use crate::faults_support::shared_folder;
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
    apply.end().with(0).shows("The remote operation was successfully cancelled.");
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
    apply.end().with(0).shows("The remote operation was successfully cancelled.");
    assert_eq!(workspace.run_statuses(), ["canceled"]);
}

#[test]
fn an_interrupted_plan_goes_on_without_its_reader() {
    let shared = shared_folder();
    let terrane = &Terrane::sharing(shared.path());
    let (pipe, file) = (shared.path().join("text"), shared.path().join("later"));
    mkfifo(&pipe, Mode::from_bits_truncate(0o666)).unwrap();
    std::fs::write(&file, "text").unwrap();
    let input = pipe.display();
    let workspace =
        Workspace::initialized(terrane, &format!(r#"resource "terraform_data" "a" {{ input = file("{input}") }}"#));
    let mut plan = workspace.start(&["plan"]);
    plan.read_until("Initializing plugins and modules...");
    let mut writer = None;
    within(Duration::from_secs(20), || {
        // It opens only while the run reads.
        writer = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&pipe).ok();
        writer.is_some()
    });
    // Whoever reads once more finds a file.
    std::fs::rename(&file, &pipe).unwrap();
    plan.interrupt();
    let ended = plan.end().with(1).shows_not("cancel the remote operation?");
    writer.take().unwrap().write_all(b"text").unwrap();
    let (_, run) = ended.stdout.split_once("/runs/").unwrap();
    let run = format!("runs/{}", run.lines().next().unwrap());
    within(Duration::from_secs(20), || terrane.data(&run)["attributes"]["status"] == "planned_and_finished");
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

#[test]
fn a_second_interrupt_ends_terraform_and_leaves_the_run_alone() {
    let terrane = &Terrane::without_runner();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "a" {}"#);
    let mut apply = workspace.start(&["apply"]);
    apply.read_until("Waiting for the plan to start...");
    apply.interrupt();
    apply.read_until("Do you want to cancel the remote operation?");
    apply.interrupt();
    apply.end().with(1);
    assert_eq!(workspace.run_statuses(), ["plan_queued"]);
}
