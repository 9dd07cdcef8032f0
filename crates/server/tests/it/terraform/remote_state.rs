//! What a run reads of other workspaces' states, by the token that it has for as long as a phase runs.

use serde_json::json;

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const SHARING: &str = r#"
resource "terraform_data" "network" { input = "10.0.0.0/8" }
output "network" { value = terraform_data.network.output }
"#;

fn reading(host: &str) -> String {
    format!(
        r#"
data "terraform_remote_state" "network" {{
  backend = "remote"
  config = {{
    hostname     = "{host}"
    organization = "demo"
    workspaces   = {{ name = "network" }}
  }}
}}
resource "terraform_data" "seen" {{ input = data.terraform_remote_state.network.outputs.network }}
output "seen" {{ value = terraform_data.seen.output }}
"#
    )
}

#[test]
fn a_run_reads_the_state_of_a_workspace_that_shares_it_and_of_no_other() {
    let terrane = &Terrane::start();
    let network = Workspace::named(terrane, "network", SHARING);
    network.terraform(&["apply", "-auto-approve"]).with(0);
    let workspace = Workspace::initialized(terrane, &reading(&format!("localhost:{}", terrane.port())));
    let refused = |workspace: &Workspace<'_>| {
        workspace.terraform(&["plan"]).with(1).shows("Error: Error loading state error").shows("resource not found");
    };
    refused(&workspace);

    let consumers = format!("workspaces/{}/relationships/remote-state-consumers", network.id());
    let consumer = json!({ "data": [{ "type": "workspaces", "id": workspace.id() }] });
    assert_eq!(terrane.post(&consumers, &consumer).status, 204);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows(r#"seen = "10.0.0.0/8""#);
    // The name that stands for the own host, wherever it runs.
    workspace.write(&reading("localterraform.com"));
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");

    assert_eq!(terrane.call("DELETE", &consumers, consumer.to_string().as_bytes()).status, 204);
    refused(&workspace);
    network.set("global-remote-state", true);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
}

#[test]
fn a_local_run_reads_what_its_person_may() {
    let terrane = &Terrane::start();
    Workspace::named(terrane, "network", SHARING).terraform(&["apply", "-auto-approve"]).with(0);
    let workspace = Workspace::initialized(terrane, &reading(&format!("localhost:{}", terrane.port())));
    workspace.set("execution-mode", "local");
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows(r#"seen = "10.0.0.0/8""#);
}

#[test]
fn a_run_that_shows_its_own_token_shows_a_mask() {
    let terrane = &Terrane::start();
    let telling = r#"
resource "terraform_data" "telling" {
  provisioner "local-exec" {
    command = "cat ~/.terraformrc; echo tokens: $(grep -c atlasv1 ~/.terraformrc)"
  }
}
"#;
    let workspace = Workspace::initialized(terrane, telling);
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("(local-exec): credentials \"localhost:")
        .shows("(local-exec): tokens: 2")
        .shows_not(".atlasv1.");
}
