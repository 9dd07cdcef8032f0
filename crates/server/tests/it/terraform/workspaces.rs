//! `terraform workspace`, where a configuration leads to many workspaces.

use serde_json::{Value, json};

use crate::bench::{Terrane, id};
use crate::terraform::workspace::Workspace;

const ONE: &str = r#"resource "terraform_data" "one" { input = terraform.workspace }"#;

/// The names that `workspace list` shows, the selected one first.
fn listed(workspace: &Workspace<'_>) -> Vec<String> {
    let shown = workspace.terraform(&["workspace", "list"]).with(0).stdout;
    let mut lines: Vec<&str> = shown.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.sort_by_key(|line| !line.starts_with('*'));
    lines.iter().map(|line| line.trim_start_matches('*').trim().to_owned()).collect()
}

/// Makes, selects, applies and deletes workspaces; `mapping` leads to none at first.
fn lives_through(workspace: &Workspace<'_>, suffix: &str) {
    let (first, second) = (format!("first-{suffix}"), format!("second-{suffix}"));
    let (first, second) = (first.as_str(), second.as_str());
    workspace.answering(first, &["init"]).with(0).shows("There are no workspaces with the configured tags");
    assert_eq!(workspace.terraform(&["workspace", "show"]).with(0).stdout.trim(), first);
    workspace.terraform(&["workspace", "new", second]).with(0).shows(&format!(r#"switched to workspace "{second}"!"#));
    assert_eq!(listed(workspace), [second, first]);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("1 added");
    assert_eq!(workspace.resources(), ["terraform_data.one"]);
    workspace.terraform(&["workspace", "new", first]).with(1).complains("already exists");
    workspace.terraform(&["workspace", "select", first]).with(0).shows(&format!(r#"Switched to workspace "{first}"."#));
    assert_eq!(listed(workspace), [first, second]);
    workspace.terraform(&["workspace", "select", "missing"]).with(1).complains(r#"Workspace "missing" doesn't exist."#);

    workspace
        .terraform(&["workspace", "delete", second])
        .with(1)
        .complains("is currently tracking the following resource instances: - terraform_data.one");
    workspace.terraform(&["workspace", "delete", first]).with(1).complains("is your active workspace");
    workspace.terraform(&["workspace", "delete", "-force", second]).with(0).shows("Deleted workspace");
    assert_eq!(listed(workspace), [first]);
    workspace.terraform(&["workspace", "select", "-or-create", second]).with(0);
    workspace.terraform(&["workspace", "delete", first]).with(0).shows("Deleted workspace");
    assert_eq!(listed(workspace), [second]);
}

#[test]
fn workspaces_by_tags_of_both_forms_are_made_selected_and_deleted() {
    let terrane = &Terrane::start();
    let untagged = terrane.create_workspace("untagged");
    for (number, mapping) in [r#"tags = ["prod", "east"]"#, r#"tags = { env = "dev" }"#].into_iter().enumerate() {
        let workspace = Workspace::unbound(terrane, "", "", ONE);
        workspace.bind("cloud", mapping);
        lives_through(&workspace, &number.to_string());
    }
    let bindings = terrane
        .data(&format!("workspaces/{}/tag-bindings", id(&terrane.data("organizations/demo/workspaces/second-1"))));
    assert_eq!(
        (&bindings[0]["attributes"]["key"], &bindings[0]["attributes"]["value"]),
        (&"env".into(), &"dev".into())
    );
    let tags = terrane.data("organizations/demo/workspaces/second-0")["attributes"]["tag-names"].clone();
    assert_eq!(tags, json!(["east", "prod"]));
    assert_eq!(terrane.get(&format!("workspaces/{untagged}")).status, 200);
}

#[test]
fn workspaces_of_a_project_are_made_in_it() {
    let terrane = &Terrane::start();
    terrane.create_workspace("elsewhere");
    // terraform makes the project, too.
    let workspace = Workspace::unbound(terrane, "", "", ONE);
    workspace.bind("cloud", "project = \"platform\"\n      tags = [\"web\"]");
    lives_through(&workspace, "web");
    let project = terrane.data("organizations/demo/projects?filter[names]=platform")[0]["id"].clone();
    let made = terrane.data("organizations/demo/workspaces/second-web");
    assert_eq!(made["relationships"]["project"]["data"]["id"], project);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("1 added");
}

#[test]
fn the_remote_backend_finds_its_workspaces_by_a_prefix() {
    let terrane = &Terrane::start();
    terrane.create_workspace("elsewhere");
    let workspace = Workspace::unbound(terrane, "", "", ONE);
    workspace.bind(r#"backend "remote""#, r#"prefix = "net-""#);
    workspace.terraform(&["init"]).with(1).complains("No existing workspaces.");
    workspace.terraform(&["workspace", "new", "dev"]).with(0);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("Resources: 1 added, 0 changed, 0 destroyed.");
    workspace.terraform(&["workspace", "new", "prod"]).with(0);
    assert_eq!(listed(&workspace), ["prod", "dev"]);
    assert_eq!(terrane.data("organizations/demo/workspaces/net-dev")["attributes"]["name"], "net-dev");
    workspace.terraform(&["workspace", "delete", "dev"]).with(1).complains("dev");
    workspace.terraform(&["workspace", "delete", "-force", "dev"]).with(0);
    assert_eq!(terrane.get("organizations/demo/workspaces/net-dev").status, 404);
}

#[test]
fn a_local_state_moves_in_with_its_resources() {
    let terrane = &Terrane::start();
    let workspace = Workspace::unbound(terrane, "", "app", ONE);
    workspace.terraform(&["init"]).with(0);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let local = std::fs::read(workspace.path().join("terraform.tfstate")).unwrap();
    let local: Value = serde_json::from_slice(&local).unwrap();
    workspace.bind("cloud", r#"name = "app""#);
    workspace
        .answering("yes", &["init"])
        .with(0)
        .shows("Do you wish to proceed?")
        .shows("HCP Terraform has been successfully initialized!");
    // terraform gives it a lineage of its own.
    assert_eq!(workspace.state()["resources"], local["resources"]);
    assert_eq!(workspace.resources(), ["terraform_data.one"]);
    // The workspace has another name now.
    workspace.terraform(&["plan"]).with(0).shows(r#"~ input  = "default" -> "app""#);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}
