//! Commands that read and change the state.

use serde_json::json;

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const CONFIGURATION: &str = r#"
resource "terraform_data" "a" {
  input = { port = 8080, names = ["x", "y"] }
}
output "all" {
  value = terraform_data.a.output
}
output "secret" {
  value     = "do not show"
  sensitive = true
}
"#;

fn applied(terrane: &Terrane) -> Workspace<'_> {
    let workspace = Workspace::initialized(terrane, CONFIGURATION);
    workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("secret = (sensitive value)");
    workspace
}

#[test]
fn outputs_are_read_with_their_types_and_sensitive_ones_on_demand() {
    let terrane = Terrane::start();
    let workspace = applied(&terrane);
    let outputs = workspace.terraform(&["output", "-json"]).with(0).json();
    assert_eq!(outputs["all"]["value"], json!({ "port": 8080, "names": ["x", "y"] }));
    assert_eq!(outputs["all"]["sensitive"], false);
    assert_eq!(outputs["secret"], json!({ "sensitive": true, "type": "string", "value": "do not show" }));
    workspace.terraform(&["output", "-no-color"]).with(0).shows("secret = <sensitive>").shows_not("do not show");
    assert_eq!(workspace.terraform(&["output", "-raw", "secret"]).with(0).stdout, "do not show");
}

#[test]
fn the_state_is_listed_shown_and_pulled() {
    let terrane = Terrane::start();
    let workspace = applied(&terrane);
    assert_eq!(workspace.resources(), ["terraform_data.a"]);
    workspace.terraform(&["state", "show", "-no-color", "terraform_data.a"]).with(0).shows("port  = 8080");
    let state = workspace.state();
    assert_eq!(state["version"], 4);
    assert_eq!(state["resources"][0]["name"], "a");
    assert_eq!(state["outputs"]["secret"]["value"], "do not show");
}

#[test]
fn the_state_is_moved_and_pushed_but_not_an_older_one() {
    let terrane = Terrane::start();
    let workspace = applied(&terrane);
    let mut state = workspace.state();
    workspace.terraform(&["state", "mv", "terraform_data.a", "terraform_data.b"]).with(0);
    assert_eq!(workspace.resources(), ["terraform_data.b"]);

    let push = |state: &serde_json::Value| {
        std::fs::write(workspace.path().join("pushed.json"), state.to_string()).unwrap();
        workspace.terraform(&["state", "push", "pushed.json"])
    };
    push(&state).with(1).complains("cannot import state with serial");
    assert_eq!(workspace.resources(), ["terraform_data.b"]);
    state["serial"] = 100.into();
    push(&state).with(0);
    assert_eq!(workspace.resources(), ["terraform_data.a"]);
    assert_eq!(workspace.state()["serial"], 101);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}
