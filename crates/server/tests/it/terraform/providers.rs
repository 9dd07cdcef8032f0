//! Providers that are no part of terraform.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const VERSION: &str = "0.13.1";

/// A real provider, compiled once, in a folder as `terraform providers mirror` lays it out.
fn mirror() -> &'static Path {
    static MIRROR: OnceLock<PathBuf> = OnceLock::new();
    MIRROR.get_or_init(|| {
        let mirror = Path::new(env!("CARGO_TARGET_TMPDIR")).join("provider-mirror");
        let place = format!("registry.terraform.io/hashicorp/time/{VERSION}/linux_{}", go(&["env", "GOARCH"]));
        let program = mirror.join(place).join(format!("terraform-provider-time_v{VERSION}_x5"));
        go(&["build", "-o", program.to_str().unwrap(), "github.com/hashicorp/terraform-provider-time"]);
        mirror
    })
}

/// What `go` answers in the module that pins the provider.
fn go(arguments: &[&str]) -> String {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/terraform-provider-time");
    let output = Command::new("go").args(arguments).current_dir(module).output().unwrap();
    assert!(output.status.success(), "go {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const DATES: &str = r#"
terraform {
  required_providers {
    time = { source = "hashicorp/time" }
  }
}
resource "time_static" "birth" { rfc3339 = "2024-02-29T12:00:00Z" }
resource "time_offset" "later" {
  base_rfc3339 = time_static.birth.rfc3339
  offset_years = 1
}
output "later" { value = time_offset.later.rfc3339 }
"#;

#[test]
fn a_run_takes_a_provider_from_the_operators_mirror() {
    let terrane = &Terrane::mirroring(mirror());
    let workspace = Workspace::new(terrane, DATES);
    workspace.terraform(&["init", &format!("-plugin-dir={}", mirror().display())]).with(0);
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("# time_static.birth will be created")
        .shows("time_offset.later: Creation complete")
        .shows(r#"later = "2025-03-01T12:00:00Z""#);
    workspace.terraform(&["plan", "-detailed-exitcode"]).with(0).shows("No changes.");
    assert_eq!(workspace.resources(), ["time_offset.later", "time_static.birth"]);
}
