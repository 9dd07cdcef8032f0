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

#[test]
fn resources_are_taken_into_the_state_marked_and_left_to_others() {
    let terrane = &Terrane::start();
    let workspace = applied(terrane);
    // terraform asks for its value, since it works by itself here.
    let needed = json!({ "key": "needed", "value": "there", "category": "terraform" });
    let document = json!({ "data": { "type": "vars", "attributes": needed } });
    assert_eq!(terrane.post(&format!("workspaces/{}/vars", workspace.id()), &document).status, 201);
    let found = "resource \"terraform_data\" \"found\" {}\nvariable \"needed\" {}\n";
    workspace.write(&format!("{CONFIGURATION}\n{found}"));
    workspace.terraform(&["import", "terraform_data.found", "known"]).with(0).shows("Import successful!");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
    workspace.terraform(&["import", "terraform_data.found", "known"]).with(1).complains("Resource already managed");

    workspace.terraform(&["taint", "terraform_data.found"]).with(0).shows("has been marked as tainted");
    workspace
        .terraform(&["plan", "-detailed-exitcode"])
        .with(2)
        .shows("terraform_data.found is tainted, so must be replaced");
    workspace.terraform(&["untaint", "terraform_data.found"]).with(0);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0);

    workspace.terraform(&["state", "rm", "terraform_data.found"]).with(0).shows("Removed terraform_data.found");
    workspace.terraform(&["state", "rm", "terraform_data.found"]).with(1).complains("No matching objects found");
    assert_eq!(workspace.resources(), ["terraform_data.a"]);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}

#[test]
fn a_refresh_is_a_run_and_takes_outputs_that_are_new() {
    let terrane = &Terrane::start();
    let workspace = applied(terrane);
    workspace.write(&CONFIGURATION.replace("\"all\"", "\"everything\""));
    workspace.terraform(&["refresh"]).with(0).shows("everything");
    assert!(workspace.state()["outputs"]["everything"].is_object());
    assert_eq!(workspace.runs()[0]["attributes"]["refresh-only"], true);
}

#[test]
fn the_console_evaluates_with_the_state() {
    let terrane = Terrane::start();
    let workspace = applied(&terrane);
    let ask = |question: &str| workspace.answering(question, &["console"]).with(0).stdout;
    assert_eq!(ask("terraform_data.a.output.port + 1").trim(), "8081");
    assert_eq!(workspace.document()["attributes"]["locked"], false);
}
