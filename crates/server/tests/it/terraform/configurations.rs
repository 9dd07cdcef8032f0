//! What a configuration may hold.

use serde_json::{Value, json};

use crate::bench::Terrane;
use crate::faults_support::PATIENCE;
use crate::process::within;
use crate::terraform::workspace::Workspace;

#[test]
fn a_failing_check_warns_and_lets_the_run_go_on() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(
        terrane,
        r#"
resource "terraform_data" "a" { input = "small" }
check "size" {
  assert {
    condition     = terraform_data.a.output == "large"
    error_message = "It is not large."
  }
}
"#,
    );
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("Warning: Check block assertion failed")
        .shows("It is not large.")
        .shows("Apply complete! Resources: 1 added");
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("It is not large.");
}

#[test]
fn ephemeral_values_pass_through_modules_of_the_archive_and_stay_out_of_plan_and_state() {
    let terrane = &Terrane::start();
    let workspace = Workspace::new(
        terrane,
        r#"
variable "password" {
  type      = string
  ephemeral = true
}
module "greeting" {
  source   = "./modules/greeting"
  password = var.password
}
output "length" { value = module.greeting.length }
"#,
    );
    let module = workspace.path().join("modules/greeting");
    std::fs::create_dir_all(&module).unwrap();
    let text = r#"
variable "password" {
  type      = string
  ephemeral = true
}
resource "terraform_data" "greeting" {
  input = "hello"
  provisioner "local-exec" {
    command     = "test \"$PASSWORD\" = swordfish-and-chips && echo it came through"
    environment = { PASSWORD = var.password }
  }
}
output "length" { value = length(terraform_data.greeting.output) }
"#;
    std::fs::write(module.join("main.tf"), text).unwrap();
    workspace.terraform(&["init"]).with(0);
    workspace
        .terraform(&["apply", "-auto-approve", "-var", "password=swordfish-and-chips"])
        .with(0)
        .shows("module.greeting.terraform_data.greeting: Creation complete")
        .shows("length = 5");
    assert_eq!(workspace.resources(), ["module.greeting.terraform_data.greeting"]);
    assert!(!workspace.state().to_string().contains("swordfish"));
}

#[test]
fn a_module_that_is_not_in_the_archive_fails_the_run_before_its_plan() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, "");
    workspace.write("module \"missing\" {\n  source = \"./missing\"\n}\n");
    workspace.terraform(&["plan"]).with(1);
}

fn many(input: impl Fn(u32) -> u32) -> String {
    (0..2000).fold(String::new(), |text, number| {
        let input = input(number);
        text + &format!("resource \"terraform_data\" \"it_{number}\" {{ input = {input} }}\n")
    })
}

/// The state after an apply of them. terraform itself needs minutes for that: it writes the whole state after each.
fn state_of_many() -> Value {
    let resource = |number: u32| {
        let value = json!({ "value": number, "type": "number" });
        let attributes =
            json!({ "id": format!("id-{number}"), "input": value, "output": value, "triggers_replace": null });
        json!({
            "mode": "managed", "type": "terraform_data", "name": format!("it_{number}"),
            "provider": "provider[\"terraform.io/builtin/terraform\"]",
            "instances": [{ "schema_version": 0, "attributes": attributes }],
        })
    };
    json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "many", "outputs": {},
        "resources": (0..2000).map(resource).collect::<Vec<_>>(),
    })
}

#[test]
fn two_thousand_resources_are_planned_shown_changed_and_listed() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, &many(|number| number));
    workspace.terraform(&["plan"]).with(0).shows("Plan: 2000 to add, 0 to change, 0 to destroy.");
    if std::env::var_os("TERRANE_TEST_LONG").is_some() {
        workspace.terraform(&["apply", "-auto-approve"]).with(0).shows("Resources: 2000 added");
        workspace.terraform(&["destroy", "-auto-approve"]).with(0).shows("2000 destroyed");
    }
    std::fs::write(workspace.path().join("many.json"), state_of_many().to_string()).unwrap();
    workspace.terraform(&["state", "push", "-force", "many.json"]).with(0);
    assert_eq!(workspace.resources().len(), 2000);
    workspace.write(&many(|number| if number % 500 == 0 { number + 1 } else { number }));
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("terraform_data.it_1999: Refreshing state")
        .shows("Plan: 0 to add, 4 to change, 0 to destroy.")
        .shows("Apply complete! Resources: 0 added, 4 changed, 0 destroyed.");
    let listed = format!("workspaces/{}/resources?page[size]=100&page[number]=20", workspace.id());
    within(PATIENCE, || terrane.get(&listed).json()["meta"]["pagination"]["total-count"] == 2000);
}
