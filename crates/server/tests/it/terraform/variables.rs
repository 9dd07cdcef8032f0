//! Variables of a workspace, in a real run.

use serde_json::{Value, json};

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

fn set(terrane: &Terrane, workspace: &Workspace<'_>, attributes: &Value) -> String {
    let document = json!({ "data": { "type": "vars", "attributes": attributes } });
    let answer = terrane.post(&format!("workspaces/{}/vars", workspace.id()), &document);
    assert_eq!(answer.status, 201, "{}", answer.text());
    crate::bench::id(&answer.json()["data"])
}

const READING: &str = r#"
variable "plain" {}
variable "multiline" {}
variable "list" { type = list(string) }
variable "secret" { sensitive = true }
variable "from_environment" {}
variable "unset" { default = "unset" }
output "plain" { value = var.plain }
output "multiline" { value = var.multiline }
output "list" { value = var.list }
output "secret" {
  value     = var.secret
  sensitive = true
}
output "from_environment" { value = var.from_environment }
output "unset" { value = var.unset }
"#;

#[test]
fn variables_reach_the_run_as_they_were_written_and_the_command_line_stands_above_them() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, READING);
    // Files in the configuration come last.
    let file = workspace.path().join("own.auto.tfvars");
    std::fs::write(file, "plain = \"from a file\"\nunset = \"from a file\"\n").unwrap();
    let plain = r#"a "quoted" ${value} %{if} \n"#;
    for attributes in [
        json!({"key":"plain","value":plain,"category":"terraform"}),
        json!({"key":"multiline","value":"one\ntwo\tü","category":"terraform"}),
        json!({"key":"list","value":"[\"x\", \"z\"]","category":"terraform","hcl":true}),
        json!({"key":"secret","value":"swordfish","category":"terraform","sensitive":true}),
        json!({"key":"TF_VAR_from_environment","value":"wind","category":"env"}),
        // Loses to the variable of category terraform.
        json!({"key":"TF_VAR_plain","value":"lost","category":"env"}),
        // Nothing can declare it, and it does no harm.
        json!({"key":"3f2a-77","value":"nothing","category":"terraform"}),
    ] {
        set(terrane, &workspace, &attributes);
    }
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows_not("swordfish");
    let outputs = workspace.state()["outputs"].clone();
    for (name, expected) in [
        ("plain", json!(plain)),
        ("multiline", json!("one\ntwo\tü")),
        ("list", json!(["x", "z"])),
        ("secret", json!("swordfish")),
        ("from_environment", json!("wind")),
        ("unset", json!("from a file")),
    ] {
        assert_eq!(outputs[name]["value"], expected, "{name}");
    }
    workspace.terraform(&["apply", "-auto-approve", "-var", "plain=above"]).with(0);
    assert_eq!(workspace.state()["outputs"]["plain"]["value"], "above");
}

const TELLING: &str = r#"
resource "terraform_data" "environment" {
  provisioner "local-exec" {
    command = "for name in HOME TMPDIR TF_DATA_DIR TF_CLI_CONFIG_FILE TERRAFORM_CONFIG TF_WORKSPACE TFC_RUN_ID GREETING SECRET; do eval \"echo $name=[\\$$name]\"; done"
  }
}
"#;

#[test]
fn variables_of_the_environment_reach_terraform_alone_and_do_not_move_the_run() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, TELLING);
    // Only who is root could write here, and that is the sandbox's guardian at most.
    let outside = tempfile::tempdir().unwrap();
    let trace = outside.path().join("trace").display().to_string();
    for (key, value) in [
        ("GREETING", "hello there"),
        ("LD_DEBUG", "files"),
        ("LD_DEBUG_OUTPUT", trace.as_str()),
        ("LD_PRELOAD", "/nonexistent.so"),
        ("PATH", "/nonexistent"),
        ("HOME", "/nonexistent"),
        ("TMPDIR", "/nonexistent"),
        ("TF_DATA_DIR", "/nonexistent"),
        ("TF_CLI_CONFIG_FILE", "/nonexistent"),
        ("TERRAFORM_CONFIG", "/nonexistent"),
        ("TF_WORKSPACE", "nonexistent"),
        ("TFC_RUN_ID", "nonexistent"),
        ("TF_INPUT", "1"),
    ] {
        set(terrane, &workspace, &json!({"key":key,"value":value,"category":"env"}));
    }
    set(terrane, &workspace, &json!({"key":"SECRET","value":"swordfish","category":"env","sensitive":true}));
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("GREETING=[hello there]")
        .shows("SECRET=[(sensitive value)]")
        .shows("TF_DATA_DIR=[]")
        .shows("TF_CLI_CONFIG_FILE=[]")
        .shows("TERRAFORM_CONFIG=[]")
        .shows("TF_WORKSPACE=[app]")
        .shows("TFC_RUN_ID=[run-")
        .shows_not("HOME=[/nonexistent]")
        .shows_not("TMPDIR=[/nonexistent]");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "the environment reached a process outside");
    assert_eq!(workspace.resources(), ["terraform_data.environment"]);
}
