//! Organizations that change while terraform works in them.

use serde_json::json;

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const WAITING: &str = r#"
resource "terraform_data" "long" {
  provisioner "local-exec" {
    command = "sleep 600"
  }
}
"#;

#[test]
fn an_organization_deleted_under_an_apply_ends_it_and_leaves_its_runner_to_others() {
    let terrane = &Terrane::start();
    let workspace = Workspace::initialized(terrane, WAITING);
    let mut apply = workspace.start(&["apply", "-auto-approve"]);
    apply.read_until("Provisioning with 'local-exec'");
    assert_eq!(terrane.call("DELETE", "organizations/demo", b"").status, 204);
    apply.end().with(1);
    let document = json!({ "data": { "attributes": { "name": "demo", "email": "people@example.org" } } });
    assert_eq!(terrane.post("organizations", &document).status, 201);
    let workspace = Workspace::initialized(terrane, r#"resource "terraform_data" "short" {}"#);
    // As many as the embedded runner works on at once, and one more.
    for _ in 0..3 {
        workspace.terraform(&["apply", "-auto-approve"]).with(0);
    }
    assert_eq!(workspace.resources(), ["terraform_data.short"]);
}
