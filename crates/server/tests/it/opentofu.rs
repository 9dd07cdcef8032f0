//! OpenTofu as client and as engine. Needs `tofu` on the PATH, which `cargo xtask nightly` builds.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const RESOURCE: &str = r#"
resource "terraform_data" "a" {
  input = "text"
}
output "text" {
  value = terraform_data.a.output
}
"#;

fn initialized<'a>(terrane: &'a Terrane, configuration: &str) -> Workspace<'a> {
    let workspace = Workspace::new(terrane, configuration).with_opentofu();
    workspace.terraform(&["init", "-no-color"]).with(0).shows("Cloud backend has been successfully initialized!");
    workspace
}

#[test]
#[ignore = "needs tofu, which cargo xtask nightly builds"]
fn a_workspace_that_tofu_makes_plans_and_applies_with_it() {
    let terrane = Terrane::start();
    let workspace = initialized(&terrane, RESOURCE);
    let version = workspace.terraform(&["version", "-json"]).with(0).json()["terraform_version"].clone();
    let attributes = workspace.document()["attributes"].clone();
    assert_eq!((&attributes["engine"], &attributes["terraform-version"]), (&"opentofu".into(), &version));

    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("Apply complete!").shows("text = \"text\"");
    assert_eq!(workspace.resources(), ["terraform_data.a"]);
    let run = &workspace.runs()[0];
    assert_eq!((&run["attributes"]["engine"], &run["attributes"]["terraform-version"]), (&"opentofu".into(), &version));
    let plan = terrane.data(&format!("plans/{}", run["relationships"]["plan"]["data"]["id"].as_str().unwrap()));
    let log = terrane.ask("GET", plan["attributes"]["log-read-url"].as_str().unwrap(), b"").text();
    let head = format!("OpenTofu v{}\n", version.as_str().unwrap());
    assert!(log.trim_start_matches('\u{2}').starts_with(&head), "{log}");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
}

#[test]
#[ignore = "needs tofu, which cargo xtask nightly builds"]
fn tofu_saves_a_plan_and_applies_it() {
    let terrane = Terrane::start();
    let workspace = initialized(&terrane, RESOURCE);
    workspace.terraform(&["plan", "-out=saved"]).with(0).shows("1 to add");
    workspace.terraform(&["show", "-no-color", "saved"]).with(0).shows("terraform_data.a will be created");
    workspace.terraform(&["apply", "saved"]).with(0).shows("Apply complete!");
    assert_eq!(workspace.run_statuses(), ["applied"]);
}

#[test]
#[ignore = "needs tofu, which cargo xtask nightly builds"]
fn a_state_that_tofu_encrypts_is_kept_as_it_is_and_read_again() {
    let terrane = Terrane::start();
    let encryption = r#"
terraform {
  encryption {
    key_provider "pbkdf2" "key" {
      passphrase = "correct horse battery staple"
    }
    method "aes_gcm" "method" {
      keys = key_provider.pbkdf2.key
    }
    state {
      method = method.aes_gcm.method
    }
  }
}
"#;
    let workspace = initialized(&terrane, &[RESOURCE, encryption].concat());
    workspace.set("execution-mode", "local");
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("Apply complete!");
    workspace.terraform(&["output", "-raw", "text"]).with(0).shows("text");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
    let version = terrane.data(&format!("workspaces/{}/current-state-version", workspace.id()));
    let kept = terrane.ask("GET", version["attributes"]["hosted-state-download-url"].as_str().unwrap(), b"").text();
    assert!(kept.contains("encrypted_data") && !kept.contains("terraform_data"), "{kept}");
}

#[test]
#[ignore = "needs tofu, which cargo xtask nightly builds"]
fn a_workspace_that_is_locked_refuses_tofu_by_name() {
    let terrane = Terrane::start();
    let workspace = initialized(&terrane, RESOURCE);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let id = workspace.id();
    let lock = serde_json::json!({ "reason": "Locked by a person" });
    assert_eq!(terrane.post(&format!("workspaces/{id}/actions/lock"), &lock).status, 200);
    workspace.terraform(&["state", "rm", "terraform_data.a"]).with(1).complains("workspace already locked");
    workspace.terraform(&["force-unlock", "-force", "demo/app"]).with(0);
    workspace.terraform(&["state", "rm", "terraform_data.a"]).with(0).shows("Successfully removed");
}
