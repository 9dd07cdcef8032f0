//! Applies that fail on their way.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

fn configuration(command: &str) -> String {
    format!(
        r#"
resource "terraform_data" "first" {{}}
resource "terraform_data" "second" {{
  depends_on = [terraform_data.first]
  provisioner "local-exec" {{
    command = "{command}"
  }}
}}
resource "terraform_data" "third" {{
  depends_on = [terraform_data.second]
}}
"#
    )
}

#[test]
fn what_was_done_before_a_failure_is_kept_and_the_next_apply_does_the_rest() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, &configuration("exit 1"));
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(1)
        .shows("Plan: 3 to add, 0 to change, 0 to destroy.")
        .shows("terraform_data.first: Creation complete")
        .shows("Error: local-exec provisioner error")
        .shows("exit status 1");
    let run = &workspace.runs()[0]["attributes"];
    assert_eq!((&run["status"], &run["reason-code"]), (&"errored".into(), &"apply-failed".into()));
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    assert_eq!(workspace.resources(), ["terraform_data.first", "terraform_data.second"]);
    let first = workspace.state()["resources"][0]["instances"][0]["attributes"]["id"].clone();

    workspace.write(&configuration("true"));
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows_not("terraform_data.first: Creating...")
        .shows("Apply complete! Resources: 2 added, 0 changed, 1 destroyed.");
    let resources = ["terraform_data.first", "terraform_data.second", "terraform_data.third"];
    assert_eq!(workspace.resources(), resources);
    assert_eq!(workspace.state()["resources"][0]["instances"][0]["attributes"]["id"], first);
    assert_eq!(workspace.run_statuses(), ["applied", "errored"]);
}

#[test]
fn a_failure_after_a_confirmation_is_shown() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, &configuration("echo broken pipe; exit 3"));
    workspace
        .answering("yes", &["apply"])
        .with(1)
        .shows("(local-exec): broken pipe")
        .shows("Error: local-exec provisioner error")
        .shows("exit status 3");
    assert_eq!(workspace.run_statuses(), ["errored"]);
}
