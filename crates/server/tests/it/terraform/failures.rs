//! Applies that fail on their way.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Terrane, id};
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

/// Queues a run of the newest configuration and waits for its end.
fn run_by_api(terrane: &Terrane, workspace: &Workspace) -> Value {
    let workspace = json!({ "data": { "type": "workspaces", "id": workspace.id() } });
    let document = json!({ "data": { "type": "runs", "relationships": { "workspace": workspace } } });
    let answer = terrane.post("runs", &document);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let (path, deadline) = (format!("runs/{}", id(&answer.json()["data"])), Instant::now() + Duration::from_secs(30));
    loop {
        let attributes = terrane.data(&path)["attributes"].clone();
        if !["pending", "plan_queued", "planning"].contains(&attributes["status"].as_str().unwrap()) {
            return attributes;
        }
        assert!(Instant::now() < deadline, "the run does not end: {attributes}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_run_whose_state_or_configuration_is_damaged_on_the_server_fails_and_says_so() {
    let damage_byte = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let remove = |path: &Path| std::fs::remove_file(path).unwrap();
    for (kind, what) in [("states", "state"), ("configurations", "configuration")] {
        for damage in [&damage_byte as &dyn Fn(&Path), &remove] {
            let terrane = &Terrane::start();
            let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "kept" {}"#);
            workspace.terraform(&["apply", "-auto-approve"]).with(0);
            terrane.blobs(kind).iter().for_each(|path| damage(path));
            let attributes = run_by_api(terrane, &workspace);
            assert_eq!(
                (&attributes["status"], &attributes["reason-code"]),
                (&"errored".into(), &"input-unreadable".into())
            );
            let reason = attributes["reason"].as_str().unwrap();
            assert!(reason.starts_with(&format!("The {what} that this run needs")), "{reason}");
        }
    }
}
