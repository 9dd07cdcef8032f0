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
        .shows("The environment variable TF_DATA_DIR does not reach terraform: terraform keeps its own files")
        .shows("The environment variable HOME does not reach terraform: the run sets it itself.")
        .shows_not("HOME=[/nonexistent]")
        .shows_not("TMPDIR=[/nonexistent]");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "the environment reached a process outside");
    assert_eq!(workspace.resources(), ["terraform_data.environment"]);
}

#[test]
fn variables_that_terraform_cannot_be_started_with_fail_the_run_by_name() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "one" {}"#);
    let big = "x".repeat(200_000);
    for (key, value, text) in [
        (
            "TF_CLI_ARGS_apply",
            "-state=elsewhere",
            "The environment variable TF_CLI_ARGS_apply must not contain -state:",
        ),
        ("BIG", big.as_str(), "The environment variable BIG is too long: Linux takes at most 131072 bytes"),
    ] {
        let id = set(terrane, &workspace, &json!({"key":key,"value":value,"category":"env"}));
        workspace.terraform(&["plan"]).with(1).shows(text);
        terrane.call("DELETE", &format!("workspaces/{}/vars/{id}", workspace.id()), b"");
    }
    set(terrane, &workspace, &json!({"key":"TF_CLI_ARGS_plan","value":"-lock-timeout=5s","category":"env"}));
    workspace.terraform(&["plan"]).with(0).shows("1 to add");
}

const PRINTING: &str = r#"
variable "secret" {}
variable "pin" {}
resource "terraform_data" "printing" {
  provisioner "local-exec" {
    command = "echo 'raw: ${var.secret}'; echo \"base64: $(printf 'user:%s' '${var.secret}' | base64)\"; echo \"pin: ${var.pin}\""
  }
}
output "secret" { value = var.secret }
"#;

#[test]
fn sensitive_values_are_masked_in_both_forms_of_the_log_and_nowhere_else() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, PRINTING);
    for (key, value) in [("secret", "swordfish & <chips>"), ("pin", "1234")] {
        set(terrane, &workspace, &json!({"key":key,"value":value,"category":"terraform","sensitive":true}));
    }
    for is_structured in [true, false] {
        workspace.set("structured-run-output-enabled", is_structured);
        workspace
            .terraform(&["apply", "-auto-approve", "-replace=terraform_data.printing"])
            .with(0)
            .shows("raw: (sensitive value)")
            .shows("fewer than 6 characters are not masked in this log: pin.")
            .shows("pin: 1234")
            .shows_not("d29yZGZpc2gg");
    }
    assert_eq!(workspace.state()["outputs"]["secret"]["value"], "swordfish & <chips>");
}
