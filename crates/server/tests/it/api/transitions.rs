//! Actions at the wrong time.

use serde_json::json;

use crate::bench::{Terrane, id};
use crate::terraform::workspace::Workspace;

fn act(terrane: &Terrane, run: &str, action: &str) -> u16 {
    let answer = terrane.post(&format!("runs/{run}/actions/{action}"), &json!({}));
    if answer.status != 202 {
        let detail = answer.error()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains("transition not allowed"), "{action}: {}", answer.text());
    }
    answer.status
}

#[test]
fn an_action_that_the_status_does_not_allow_is_a_conflict() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, r#"resource "terraform_data" "a" {}"#);
    workspace.terraform(&["apply", "-input=false"]).with(1);
    let planned = id(&workspace.runs()[0]);
    assert_eq!(act(&terrane, &planned, "cancel"), 409, "nothing is at work");
    assert_eq!(act(&terrane, &planned, "discard"), 202);
    for action in ["apply", "discard", "cancel"] {
        assert_eq!(act(&terrane, &planned, action), 409, "{action} after discard");
    }

    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let applied = id(&workspace.runs()[0]);
    for action in ["apply", "discard", "cancel"] {
        assert_eq!(act(&terrane, &applied, action), 409, "{action} after apply");
    }
    assert_eq!(workspace.run_statuses(), ["applied", "discarded"]);
}

#[test]
fn a_run_without_a_runner_waits_and_can_be_canceled() {
    let terrane = Terrane::without_runner();
    let workspace = Workspace::initialized(&terrane, r#"resource "terraform_data" "a" {}"#);
    let mut apply = workspace.start(&["apply"]);
    apply.read_until("To view this run in a browser");
    let run = id(&workspace.runs()[0]);
    assert_eq!(act(&terrane, &run, "apply"), 409);
    assert_eq!(act(&terrane, &run, "cancel"), 202);
    assert_eq!(act(&terrane, &run, "cancel"), 409);
    assert_eq!(workspace.run_statuses(), ["canceled"]);
    assert_eq!(workspace.document()["attributes"]["locked"], false);
    apply.end().with(1);
}
