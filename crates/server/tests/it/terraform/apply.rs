//! `terraform apply` and `terraform destroy`.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const GREETING: &str = r#"
resource "terraform_data" "greeting" {
  input = "hello"
  provisioner "local-exec" {
    command = "echo the provisioner greets"
  }
}
output "greeting" {
  value = terraform_data.greeting.output
}
"#;

#[test]
fn an_apply_that_is_confirmed_is_done_and_a_destroy_undoes_it() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, GREETING);
    workspace
        .answering("yes", &["apply"])
        .with(0)
        .shows(r#"Do you want to perform these actions in workspace "app"?"#)
        .shows("(local-exec): the provisioner greets")
        .shows("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")
        .shows(r#"greeting = "hello""#);
    assert_eq!(workspace.resources(), ["terraform_data.greeting"]);

    workspace
        .answering("yes", &["destroy"])
        .with(0)
        .shows("Plan: 0 to add, 0 to change, 1 to destroy.")
        .shows("Do you really want to destroy all resources in workspace")
        .shows("Resources: 0 added, 0 changed, 1 destroyed.");
    assert!(workspace.resources().is_empty());
    assert_eq!(workspace.run_statuses(), ["applied", "applied"]);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}

#[test]
fn a_plan_is_applied_as_it_was_made_when_its_workspace_has_another_name_and_folder_by_then() {
    for folder_is_kept in [true, false] {
        let terrane = &Terrane::start();
        let workspace = Workspace::initialized(terrane, r#"output "workspace" { value = terraform.workspace }"#);
        let mut apply = workspace.start(&["apply"]);
        apply.read_until("Only 'yes' will be accepted");
        let id = workspace.id();
        workspace.set("working-directory", "elsewhere");
        workspace.set("name", "renamed");
        if !folder_is_kept {
            terrane.forget_run_folders();
        }
        apply.answer("yes");
        apply.end().with(0).shows("Apply complete!").shows(r#"workspace = "app""#);
        let outputs = terrane.data(&format!("workspaces/{id}/current-state-version-outputs"));
        assert_eq!(outputs[0]["attributes"]["value"], "app", "folder kept: {folder_is_kept}");
    }
}

#[test]
fn an_apply_that_is_not_confirmed_is_discarded() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, GREETING);
    workspace.answering("no", &["apply"]).with(1).complains("Error: Apply discarded.");
    assert_eq!(workspace.run_statuses(), ["discarded"]);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    assert!(workspace.resources_or_none().is_empty());

    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    workspace.answering("no", &["destroy"]).with(1).complains("Error: Destroy discarded.");
    assert_eq!(workspace.resources(), ["terraform_data.greeting"]);
}

#[test]
fn an_approved_apply_asks_nothing() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows_not("Enter a value")
        .shows("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("No changes.");
    assert_eq!(workspace.run_statuses(), ["planned_and_finished", "applied"]);
    workspace.terraform(&["destroy", "-auto-approve"]).with(0).shows("1 destroyed.");
}

#[test]
fn an_apply_that_may_not_ask_leaves_its_run_waiting() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.terraform(&["apply", "-input=false"]).with(1).complains("Cannot confirm apply due to -input=false");
    assert_eq!(workspace.run_statuses(), ["planned"]);
    assert_eq!(workspace.document()["attributes"]["locked"], true);
}

#[test]
fn the_output_of_an_apply_is_seen_while_it_runs() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(
        &terrane,
        r#"
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo it begins; sleep 2; echo it ends"
  }
}
"#,
    );
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("(local-exec): it begins");
    assert_eq!(workspace.run_statuses(), ["applying"]);
    apply.end().with(0).shows("(local-exec): it ends").shows("Apply complete!");
}

#[test]
fn a_saved_plan_is_applied_as_it_was_shown() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.terraform(&["plan", "-out=saved"]).with(0);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    workspace.terraform(&["show", "-no-color", "saved"]).with(0).shows("# terraform_data.greeting will be created");
    workspace.terraform(&["apply", "saved"]).with(0).shows("Apply complete! Resources: 1 added");
    workspace.terraform(&["apply", "saved"]).with(1);
    assert_eq!(workspace.run_statuses(), ["applied"]);
}
