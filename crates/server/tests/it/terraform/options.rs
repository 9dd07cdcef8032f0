//! The options of plans and applies.

use serde_json::{Value, json};

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const PAIR: &str = r#"
resource "terraform_data" "a" { input = "a" }
resource "terraform_data" "b" { input = "b" }
"#;

/// The attributes of the newest run.
fn newest(workspace: &Workspace) -> Value {
    workspace.runs()[0]["attributes"].clone()
}

#[test]
fn a_target_and_a_replacement_touch_only_what_they_name() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, PAIR);
    workspace.terraform(&["apply", "-auto-approve", "-target=terraform_data.a"]).with(0).shows("1 added");
    assert_eq!(newest(&workspace)["target-addrs"], json!(["terraform_data.a"]));
    assert_eq!(workspace.resources(), ["terraform_data.a"]);
    workspace
        .terraform(&["apply", "-auto-approve", "-replace=terraform_data.a"])
        .with(0)
        .shows("# terraform_data.a will be replaced, as requested")
        .shows("2 added, 0 changed, 1 destroyed.");
    assert_eq!(newest(&workspace)["replace-addrs"], json!(["terraform_data.a"]));
}

#[test]
fn a_refresh_is_left_out_or_done_alone_as_asked() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, PAIR);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    workspace.terraform(&["plan", "-refresh=false"]).with(0).shows_not("Refreshing state").shows("No changes.");
    workspace.terraform(&["plan"]).with(0).shows("Refreshing state");
    workspace.write(r#"resource "terraform_data" "a" { input = "other" }"#);
    workspace.terraform(&["apply", "-auto-approve", "-refresh-only"]).with(0).shows_not("other");
    assert_eq!(newest(&workspace)["refresh-only"], true);
    workspace.terraform(&["plan", "-destroy"]).with(0).shows("Plan: 0 to add, 0 to change, 2 to destroy.");
    assert_eq!(workspace.resources(), ["terraform_data.a", "terraform_data.b"]);
}

#[test]
fn a_saved_plan_is_refused_once_another_apply_has_landed() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, PAIR);
    workspace.terraform(&["plan", "-out=saved"]).with(0);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    workspace.terraform(&["apply", "saved"]).with(1).complains("discarded");
    let run = &workspace.runs()[1]["attributes"];
    assert_eq!((&run["status"], &run["reason-code"]), (&"discarded".into(), &"superseded".into()));
}

#[test]
fn ephemeral_variables_reach_the_apply_too() {
    let terrane = Terrane::start();
    let configuration = r#"
variable "secret" {
  type      = string
  ephemeral = true
}
variable "plain" {
  type = string
}
resource "terraform_data" "a" {
  input = var.plain
}
"#;
    let workspace = Workspace::initialized(&terrane, configuration);
    let given = ["-var", "secret=hidden", "-var", "plain=seen"];
    workspace.terraform(&[&["apply", "-auto-approve"], &given[..]].concat()).with(0).shows("1 added");
}

#[test]
fn configuration_is_generated_for_what_is_imported() {
    let terrane = Terrane::start();
    let configuration = "import {\n  to = terraform_data.found\n  id = \"known\"\n}\n";
    let workspace = Workspace::initialized(&terrane, configuration);
    workspace.terraform(&["plan", "-generate-config-out=generated.tf"]).with(0).shows("1 to import");
    let generated = std::fs::read_to_string(workspace.path().join("generated.tf")).unwrap();
    assert!(generated.contains(r#"resource "terraform_data" "found""#), "{generated}");
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("1 imported");
}

#[test]
fn variables_come_from_files_and_the_environment_in_terraforms_order() {
    let terrane = Terrane::start();
    let configuration = "variable \"a\" {}\nvariable \"b\" {}\nvariable \"c\" { type = map(list(number)) }\n\
                         output \"all\" { value = \"${var.a} ${var.b} ${jsonencode(var.c)}\" }\n";
    let workspace = Workspace::initialized(&terrane, configuration);
    std::fs::write(workspace.path().join("terraform.tfvars"), "a = \"lost\"\nb = \"archived\"\n").unwrap();
    std::fs::write(workspace.path().join("given.tfvars"), "a = \"given\"\nc = { x = [1, 2] }\n").unwrap();
    workspace.terraform(&["plan", "-var-file=given.tfvars"]).with(0).shows(r#"all = "given archived {\"x\":[1,2]}""#);
    workspace
        .terraform(&["plan", "-var-file=given.tfvars", "-var", "a=last", "-var", "c={}"])
        .with(0)
        .shows(r#"all = "last archived {}""#);
    workspace.terraform(&["plan", "-var-file=missing.tfvars"]).with(1).complains("Failed to read variables file");
}
