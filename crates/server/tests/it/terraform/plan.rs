//! `terraform init` and `terraform plan`.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const GREETING: &str = r#"
variable "who" {
  default = "world"
}
resource "terraform_data" "greeting" {
  input = "hello ${var.who}"
}
"#;

#[test]
fn init_creates_the_workspace_with_the_version_of_terraform() {
    let terrane = &Terrane::start();
    let workspace = Workspace::new(terrane, GREETING);
    assert_eq!(terrane.get("organizations/demo/workspaces/app").status, 404);
    workspace.terraform(&["init"]).with(0).shows("HCP Terraform has been successfully initialized!");
    let document = workspace.document();
    assert_eq!(document["attributes"]["name"], "app");
    let version = workspace.terraform(&["version", "-json"]).with(0).json()["terraform_version"].clone();
    assert_eq!(document["attributes"]["terraform-version"], version);
    workspace.terraform(&["init"]).with(0);
    assert_eq!(terrane.data("organizations/demo/workspaces").as_array().unwrap().len(), 1);
}

#[test]
fn a_plan_shows_its_changes_and_its_exit_code_tells_of_them_when_asked() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, GREETING);
    workspace
        .terraform(&["plan"])
        .with(0)
        .shows("# terraform_data.greeting will be created")
        .shows(r#"+ input  = "hello world""#)
        .shows("Plan: 1 to add, 0 to change, 0 to destroy.");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(2);
    assert_eq!(workspace.run_statuses(), Vec::<String>::new(), "speculative runs are not in the workspace's list");

    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
}

#[test]
fn variables_of_the_command_line_reach_the_run() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.terraform(&["plan", "-var", "who=mars"]).with(0).shows(r#"+ input  = "hello mars""#);
    let quoted = r#"who=a "quoted" ${name}"#;
    workspace.terraform(&["plan", "-var", quoted]).with(0).shows(r#"+ input  = "hello a \"quoted\" ${name}""#);
}

#[test]
fn a_broken_configuration_fails_with_its_error() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.write(r#"resource "terraform_data" "greeting" { input = local.missing }"#);
    workspace
        .terraform(&["plan", "-detailed-exitcode"])
        .with(1)
        .shows("Error: Reference to undeclared local value")
        .shows(r#"A local value with the name "missing" has not been declared."#);
}

#[test]
fn a_configuration_that_cannot_be_read_fails_with_its_error() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, GREETING);
    workspace.write(r#"resource "terraform_data" "greeting" { nonsense = 1 }"#);
    workspace
        .terraform(&["plan"])
        .with(1)
        .shows("Error: Unsupported argument")
        .shows(r#"An argument named "nonsense" is not expected here."#);
}

#[test]
fn a_failing_precondition_fails_the_plan() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(
        &terrane,
        r#"
variable "name" {
  default = "small"
}
resource "terraform_data" "checked" {
  lifecycle {
    precondition {
      condition     = length(var.name) > 10
      error_message = "The name is too short for this."
    }
  }
}
"#,
    );
    workspace
        .terraform(&["plan", "-detailed-exitcode"])
        .with(1)
        .shows("Error: Resource precondition failed")
        .shows("The name is too short for this.");
    workspace.terraform(&["apply", "-auto-approve"]).with(1).shows("The name is too short for this.");
    let run = &workspace.runs()[0];
    assert_eq!(run["attributes"]["status"], "errored");
    assert_eq!(run["attributes"]["reason-code"], "plan-failed");
    assert!(workspace.resources_or_none().is_empty());
}

#[test]
fn a_plan_runs_in_the_working_directory_of_the_workspace() {
    let terrane = Terrane::start();
    let workspace = Workspace::in_subfolder(
        &terrane,
        "infra/prod",
        r#"resource "terraform_data" "shared" { input = file("../shared.txt") }"#,
    );
    std::fs::write(workspace.root().join("infra/shared.txt"), "from above").unwrap();
    workspace.terraform(&["init"]).with(0);
    workspace.set("working-directory", "infra/prod");
    workspace.terraform(&["plan"]).with(0).shows(r#"+ input  = "from above""#);
}
