//! Text for clients that do not render structured output.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const GREETING: &str = r#"
resource "terraform_data" "greeting" {
  input = "hello"
}
output "greeting" {
  value = terraform_data.greeting.output
}
"#;

fn shows_plan_and_apply_as_text(workspace: &Workspace<'_>) {
    workspace
        .terraform(&["plan"])
        .with(0)
        .shows("# terraform_data.greeting will be created")
        .shows("Plan: 1 to add, 0 to change, 0 to destroy.")
        .shows_not("@message");
    workspace
        .answering("yes", &["apply"])
        .with(0)
        .shows("Plan: 1 to add, 0 to change, 0 to destroy.")
        .shows("terraform_data.greeting: Creation complete")
        .shows("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.")
        .shows(r#"greeting = "hello""#)
        .shows_not("@message");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.").shows_not("@message");
}

#[test]
fn a_workspace_without_structured_output_shows_text() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.set("structured-run-output-enabled", false);
    shows_plan_and_apply_as_text(&workspace);
}

#[test]
fn the_remote_backend_shows_text() {
    let terrane = Terrane::start();
    let workspace = Workspace::new(&terrane, GREETING);
    workspace.bind(r#"backend "remote""#, r#"name = "app""#);
    workspace.terraform(&["init"]).with(0);
    shows_plan_and_apply_as_text(&workspace);
    workspace.write(r#"resource "terraform_data" "greeting" { input = local.missing }"#);
    workspace.terraform(&["plan"]).with(1).shows("Reference to undeclared local value");
}

#[test]
fn the_remote_backend_applies_with_and_without_the_workspaces_auto_apply_and_refuses_what_it_never_could() {
    let terrane = &Terrane::start();
    let workspace = Workspace::new(terrane, GREETING);
    workspace.bind(r#"backend "remote""#, r#"name = "app""#);
    workspace.terraform(&["init"]).with(0);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("Resources: 1 added, 0 changed, 0 destroyed.");
    workspace
        .terraform(&["apply", "-auto-approve", "-replace=terraform_data.greeting"])
        .with(0)
        .shows("Resources: 1 added, 0 changed, 1 destroyed.");
    workspace.terraform(&["plan", "-destroy", "-target=terraform_data.greeting"]).with(0).shows("1 to destroy");
    assert_eq!(workspace.terraform(&["output", "-raw", "greeting"]).with(0).stdout, "hello");
    workspace.set("auto-apply", true);
    workspace.terraform(&["destroy"]).with(0).shows_not("Enter a value").shows("1 destroyed.");
    workspace
        .terraform(&["plan", "-out=saved"])
        .with(1)
        .complains("Saving a generated plan is currently not supported");
    workspace
        .terraform(&["refresh"])
        .with(1)
        .complains(r#"The "refresh" operation is not supported when using the "remote" backend."#);
}
