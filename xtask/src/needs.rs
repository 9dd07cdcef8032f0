//! What the tests need beside cargo: found, or installed where that may be done, or else asked for.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::children::{self, output_of};
use crate::workspace::{cargo, target_folder};

/// The judge of the pages' accessibility. Its licence is of no concern to what is given away: it is only run by tests.
const AXE: &str = "axe-core@4.10.3";
const AXE_SHA256: &str = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb";

/// What was found.
pub(crate) struct Needs {
    /// The folder with `initdb` and `postgres`.
    pub(crate) postgres: PathBuf,
    /// Whether `cargo deny` can be run.
    pub(crate) deny: bool,
}

/// Finds or installs every need, and prints each.
pub(crate) fn meet(with_deny: bool) -> Result<Needs> {
    for component in ["fmt", "clippy"] {
        cargo_component(component)?;
    }
    terraform()?;
    go()?;
    chromium()?;
    axe()?;
    let postgres = postgres()?;
    Ok(Needs { postgres, deny: deny(with_deny)? })
}

fn cargo_component(name: &str) -> Result<()> {
    let version = || output_of(&mut cargo(&[name, "--version"]));
    if let Some(version) = version() {
        found(&format!("cargo {name}"), &version);
        return Ok(());
    }
    let package = if name == "fmt" { "rustfmt" } else { name };
    children::run(Command::new("rustup").args(["component", "add", package]))?;
    let Some(version) = version() else { bail!("cargo {name} is missing: run `rustup component add {package}`.") };
    installed(&format!("cargo {name}"), &version);
    Ok(())
}

fn terraform() -> Result<()> {
    let Some(version) = output_of(Command::new("terraform").arg("version").env_remove("TF_CLI_CONFIG_FILE")) else {
        bail!(
            "terraform is not on PATH, and the tests run the real one. \
             Install it from https://developer.hashicorp.com/terraform/install, then run this again."
        );
    };
    found("terraform", &version);
    Ok(())
}

fn postgres() -> Result<PathBuf> {
    debian_package("PostgreSQL", "postgresql", find_postgres, || {
        "PostgreSQL's server programs (initdb, postgres) are neither under /usr/lib/postgresql nor on PATH. No server needs \
         to run: the tests start their own."
    })
}

fn chromium() -> Result<()> {
    debian_package("Chromium", "chromium", || on_path("chromium"), || "The pages are looked at in a real browser.")?;
    Ok(())
}

/// The script that the tests load into the browser, below the folder of what is built. Whatever brought it, only its very
/// bytes count.
fn axe() -> Result<()> {
    let folder = target_folder()?.join("axe-core");
    let script = folder.join("axe.min.js");
    if is_intact(&script, AXE_SHA256) {
        found("axe-core", AXE);
        return Ok(());
    }
    let why = || "axe-core, which judges the pages, comes from the registry of npm.";
    debian_package("npm", "npm", || on_path("npm"), why)?;
    fs::create_dir_all(&folder)?;
    let pack = Command::new("npm").args(["pack", "--silent", AXE]).current_dir(&folder).output();
    let pack = pack.context("npm cannot be run")?;
    let said = String::from_utf8_lossy(&pack.stderr);
    ensure!(pack.status.success(), "`npm pack {AXE}` failed: {said}");
    let archive = format!("{}.tgz", AXE.replace('@', "-"));
    let unpack = ["-xzf", &archive, "--strip-components=1", "package/axe.min.js"];
    ensure!(
        children::run(Command::new("tar").args(unpack).current_dir(&folder))?.success(),
        "`npm pack {AXE}` brought no archive that can be unpacked."
    );
    fs::remove_file(folder.join(archive))?;
    ensure!(
        is_intact(&script, AXE_SHA256),
        "{} is not the one that the tests were written with: its SHA-256 is not {AXE_SHA256}.",
        script.display()
    );
    installed("axe-core", AXE);
    Ok(())
}

/// Whether a file is there and has this checksum.
fn is_intact(file: &Path, sha256: &str) -> bool {
    let sum = output_of(Command::new("sha256sum").arg("--").arg(file));
    sum.is_some_and(|sum| sum.split_whitespace().next() == Some(sha256))
}

/// Finds what a Debian package brings, or installs the package where that may be done.
fn debian_package(
    name: &str,
    package: &str,
    find: impl Fn() -> Option<PathBuf>,
    why: impl FnOnce() -> &'static str,
) -> Result<PathBuf> {
    if let Some(path) = find() {
        found(name, &path.display().to_string());
        return Ok(path);
    }
    let apt = if is_root() {
        "apt-get"
    } else if env::var_os("CI").is_some_and(|value| value == "true") {
        "sudo -n apt-get"
    } else {
        bail!(
            "{name} is missing. {} Install it, for example with `sudo apt-get install {package}`, then run this again.",
            why()
        );
    };
    let install = format!("{apt} update && DEBIAN_FRONTEND=noninteractive {apt} install -y {package}");
    let status = children::run(Command::new("sh").args(["-c", &install]))?;
    ensure!(status.success(), "`{install}` failed.");
    let Some(path) = find() else { bail!("`{install}` brought no {name}.") };
    installed(name, &path.display().to_string());
    Ok(path)
}

/// The program of this name.
fn on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn go() -> Result<()> {
    let Some(version) = output_of(Command::new("go").arg("version")) else {
        bail!(
            "go is not on PATH, and the official client's own tests are written in it. \
             Install it from https://go.dev/dl, then run this again."
        );
    };
    found("go", &version);
    Ok(())
}

/// The folder with the newest server programs, or the first on PATH.
fn find_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    folders.sort();
    let on_path = env::var_os("PATH").unwrap_or_default();
    let candidates = folders.into_iter().rev().map(|(_, folder)| folder).chain(env::split_paths(&on_path));
    let has = |folder: &Path, program: &str| folder.join(program).is_file();
    candidates.into_iter().find(|folder| has(folder, "initdb") && has(folder, "postgres"))
}

fn deny(install: bool) -> Result<bool> {
    let version = || output_of(&mut cargo(&["deny", "--version"]));
    if let Some(version) = version() {
        found("cargo deny", &version);
        return Ok(true);
    }
    if !install {
        println!("  absent     cargo deny (licences and sources are checked with --with-deny)");
        return Ok(false);
    }
    let status = children::run(&mut cargo(&["install", "cargo-deny", "--locked"]))?;
    match version().filter(|_| status.success()) {
        Some(version) => installed("cargo deny", &version),
        None => bail!("`cargo install cargo-deny --locked` failed."),
    }
    Ok(true)
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn found(name: &str, version: &str) {
    println!("  found      {name}: {}", version.lines().next().unwrap_or_default());
}

fn installed(name: &str, version: &str) {
    println!("  installed  {name}: {}", version.lines().next().unwrap_or_default());
}
