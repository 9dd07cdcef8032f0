//! Providers that are no part of terraform.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

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

/// The provider in a folder of its own, packed as its registry has it: terraform unpacks it, as if it had downloaded it.
fn packed_mirror() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let architecture = go(&["env", "GOARCH"]);
    let name = format!("terraform-provider-time_v{VERSION}_x5");
    let unpacked = format!("registry.terraform.io/hashicorp/time/{VERSION}/linux_{architecture}/{name}");
    let place = folder.path().join("registry.terraform.io/hashicorp/time");
    std::fs::create_dir_all(&place).unwrap();
    let packed = File::create(place.join(format!("terraform-provider-time_{VERSION}_linux_{architecture}.zip")));
    let mut archive = ZipWriter::new(packed.unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    archive.start_file(name, options).unwrap();
    std::io::copy(&mut File::open(mirror().join(unpacked)).unwrap(), &mut archive).unwrap();
    archive.finish().unwrap();
    folder
}

/// Tries to write beside the program of the provider.
const INTRUDER: &str = r#"
resource "terraform_data" "intruder" {
  provisioner "local-exec" {
    command = "touch $(readlink -f .terraform/providers/*/*/*/*/*)/intruder && echo written || echo not written"
  }
}
"#;

#[test]
fn a_provider_is_downloaded_once_for_all_whose_lock_file_names_it_and_no_run_can_write_to_it() {
    let mirror = packed_mirror();
    let terrane = &Terrane::mirroring(mirror.path());
    let workspace = Workspace::new(terrane, &[DATES, INTRUDER].concat());
    workspace.terraform(&["init", &format!("-plugin-dir={}", mirror.path().display())]).with(0);
    workspace.terraform(&["plan"]).with(0);
    // It is kept while the run goes on.
    let cached = || terrane.data_dir().join("runner/cache/providers");
    let deadline = Instant::now() + Duration::from_secs(20);
    while walk(&cached(), "terraform-provider-time").is_empty() {
        assert!(Instant::now() < deadline, "the provider is not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its version is still known, but it cannot be had any more.
    for path in walk(mirror.path(), "terraform-provider-time") {
        std::fs::write(path, "").unwrap();
    }
    workspace
        .terraform(&["apply", "-auto-approve"])
        .with(0)
        .shows("time_offset.later: Creation complete")
        .shows("(local-exec): not written");
    assert_eq!(walk(&cached(), "intruder"), Vec::<PathBuf>::new());

    std::fs::remove_file(workspace.path().join(".terraform.lock.hcl")).unwrap();
    workspace.terraform(&["plan"]).with(1).shows("hashicorp/time");
}

/// The files below a folder whose names begin so.
fn walk(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { walk(&path, name) } else { vec![path] });
    found.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).collect()
}
