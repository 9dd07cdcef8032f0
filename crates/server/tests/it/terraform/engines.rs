//! Versions of terraform that are not there.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

#[test]
fn a_version_that_is_not_installed_fails_the_run_and_says_what_to_do() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, r#"resource "terraform_data" "a" {}"#);
    workspace.set("terraform-version", "1.5.0");
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(1)
        .shows("The workspace wants Terraform 1.5.0, but this runner has no such version")
        .shows("Install it on the runner's PATH");
    let run = &workspace.runs()[0]["attributes"];
    assert_eq!((&run["status"], &run["reason-code"]), (&"errored".into(), &"engine-missing".into()));
    assert!(run["reason"].as_str().unwrap().contains("or change the workspace's terraform-version"), "{run}");
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}
