//! A `tofu` of one's own, for the tests that need one: built from its Go module, which `conformance/opentofu` pins.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::children;
use crate::workspace::{root, target_folder};

/// Builds it and answers the folder that it lies in.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = target_folder()?.join("opentofu");
    let mut build = Command::new("go");
    build.current_dir(root().join("conformance").join("opentofu")).args(["build", "-o"]).arg(folder.join("tofu"));
    build.arg("github.com/opentofu/opentofu/cmd/tofu");
    ensure!(children::run(&mut build)?.success(), "OpenTofu does not compile");
    Ok(folder)
}
