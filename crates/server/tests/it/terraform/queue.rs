//! Runs of one workspace, one after another.

use crate::bench::Terrane;
use crate::faults_support::shared_folder;
use crate::terraform::workspace::Workspace;

#[test]
fn a_second_run_waits_for_the_first_and_both_are_applied_in_order() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "a" { input = "first" }"#);
    let mut first = workspace.start(&["apply"]);
    first.read_until("Plan: 1 to add");
    workspace.write(r#"resource "terraform_data" "a" { input = "second" }"#);
    let mut second = workspace.start(&["apply", "-auto-approve"]);
    second.read_until("Waiting for 1 run(s) to finish before being queued...");
    assert_eq!(workspace.run_statuses(), ["pending", "planned"]);

    first.answer("yes");
    first.end().with(0).shows("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    second
        .end()
        .with(0)
        .shows(r#"~ input  = "first" -> "second""#)
        .shows("Apply complete! Resources: 0 added, 1 changed, 0 destroyed.");
    assert_eq!(workspace.run_statuses(), ["applied", "applied"]);
    let at = |run: usize, status: &str| {
        workspace.runs()[run]["attributes"]["status-timestamps"][status].as_str().unwrap().to_owned()
    };
    assert!(at(1, "applied-at") <= at(0, "planning-at"), "{} {}", at(1, "applied-at"), at(0, "planning-at"));
    assert_eq!(workspace.state()["resources"][0]["instances"][0]["attributes"]["output"]["value"], "second");
}

#[test]
fn a_plan_does_not_wait_for_a_run_that_waits_for_its_confirmation() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "a" {}"#);
    let mut first = workspace.start(&["apply"]);
    first.read_until("Plan: 1 to add");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(2);
    first.answer("no");
    first.end().with(1);
}

#[test]
fn a_plan_goes_beside_an_apply_that_runs() {
    let shared = shared_folder();
    let terrane = &Terrane::sharing(shared.path());
    let go = shared.path().join("go");
    let configuration = format!(
        "resource \"terraform_data\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    \
         command = \"echo at work; until [ -e {} ]; do sleep 0.05; done\"\n  }}\n}}\n",
        go.display()
    );
    let workspace = Workspace::initialized(terrane, &configuration);
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("(local-exec): at work");
    workspace.terraform(&["plan"]).with(0).shows("Plan: 1 to add, 0 to change, 0 to destroy.");
    assert_eq!(workspace.run_statuses(), ["applying"]);
    std::fs::write(&go, "").unwrap();
    apply.end().with(0).shows("Apply complete!");
}

#[test]
fn a_plan_in_a_workspace_with_auto_apply_applies_nothing_and_an_apply_asks_all_the_same() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "a" {}"#);
    workspace.set("auto-apply", true);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(2);
    assert!(workspace.resources_or_none().is_empty());
    workspace.answering("no", &["apply"]).with(1).complains("Error: Apply discarded.");
    assert!(workspace.resources_or_none().is_empty());
    workspace.answering("yes", &["apply"]).with(0).shows("Enter a value").shows("1 added");
}
