//! No value of a run lies anywhere in clear when the run is over, and the sandbox leaves nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::faults_support::{Server, Workspace};
use crate::process::within;

const BY_VARIABLE: &str = "canary-of-a-variable-5e1f";
const BY_OUTPUT: &str = "canary-of-an-output-77ab";
const BY_ARCHIVE: &str = "canary-of-an-archive-c03d";

const WAITING: &str = r#"
variable "given" {
  type = string
}
locals {
  unused = "canary-of-an-archive-c03d"
}
resource "terraform_data" "keeper" {
  input = var.given
}
resource "terraform_data" "waiting" {
  depends_on = [terraform_data.keeper]
  provisioner "local-exec" {
    command = "id -u > SHARED/uid; touch SHARED/here; until [ -e SHARED/go ]; do sleep 0.05; done"
  }
}
output "kept" {
  value = "canary-of-an-output-77ab"
}
"#;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files_below(&path, found);
        }
        found.push(path);
    }
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for three in bytes.chunks_exact(3) {
        let number = three.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        text.extend([18, 12, 6, 0].map(|shift| ALPHABET[number >> shift & 63]));
    }
    text
}

/// The value itself, and what its Base64 has at each of the three alignments.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    forms.extend((0..3).map(|skip| base64(&bytes[skip..])));
    forms
}

fn holds(bytes: &[u8], value: &str) -> bool {
    forms(value).iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

/// Files below `folder` in which `value` can be read.
fn places(folder: &Path, value: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    files.retain(|path| std::fs::read(path).is_ok_and(|bytes| holds(&bytes, value)));
    files
}

/// Where the values and the token can be read, but for the two files that are made for the token.
fn leaks(server: &Server) -> Vec<String> {
    let token_files = ["dev.json", "dev.tfrc"].map(|name| server.data_dir().join(name));
    let mut leaks = Vec::new();
    for value in [BY_VARIABLE, BY_OUTPUT, BY_ARCHIVE, &server.token] {
        let mut found = places(&server.data_dir(), value);
        if value == server.token {
            assert!(token_files.iter().all(|file| found.contains(file)), "{found:?}");
            found.retain(|file| !token_files.contains(file));
        }
        leaks.extend(found.iter().map(|path| format!("{value} in {}", path.display())));
        if holds(&server.log(), value) {
            leaks.push(format!("{value} in the server's log"));
        }
    }
    leaks
}

/// What a run under this user left: processes, mounts, files.
fn remains(server: &Server, uid: u32) -> Vec<String> {
    let mut remains = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if entry.metadata().is_ok_and(|metadata| metadata.uid() == uid) {
            remains.push(format!("process {}", entry.path().display()));
        }
    }
    let data_dir = server.data_dir();
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let ours = mounts.lines().filter(|line| line.contains(data_dir.to_str().unwrap()));
    remains.extend(ours.map(|line| format!("mount {line}")));
    let mut files = Vec::new();
    files_below(&data_dir, &mut files);
    files.extend(std::fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path()));
    files.retain(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.uid() == uid));
    remains.extend(files.iter().map(|path| format!("file {}", path.display())));
    remains
}

fn run_of_a_killed_or_finished_apply(is_killed: bool) {
    let server = Server::start();
    let workspace = Workspace::new(&server, "secret", WAITING);
    let apply = workspace.terraform(&["apply", "-auto-approve", "-var", &format!("given={BY_VARIABLE}")]);
    within(Duration::from_mins(1), || workspace.shared.path().join("here").exists());
    let runs = server.data_dir().join("runner/runs");
    for value in [BY_VARIABLE, BY_ARCHIVE] {
        assert!(!places(&runs, value).is_empty(), "{value} is not found while the run is active");
    }
    let uid = std::fs::read_to_string(workspace.shared.path().join("uid")).unwrap().trim().parse().unwrap();
    let is_separate = nix::unistd::getuid().is_root();
    assert!(!is_separate || remains(&server, uid).len() > 1, "a live run is not found");

    if is_killed {
        // A snapshot of the state needs a moment.
        std::thread::sleep(Duration::from_secs(3));
        server.kill(&["runner"]);
        workspace.wait_for(&server, "errored");
        drop(apply);
    } else {
        std::fs::write(workspace.shared.path().join("go"), "").unwrap();
        let (code, shown) = apply.end();
        assert_eq!(code, Some(0), "{shown}");
        workspace.wait_for(&server, "applied");
    }
    assert!(workspace.state(&server).to_string().contains(BY_VARIABLE));
    assert_eq!(leaks(&server), Vec::<String>::new());
    if is_separate {
        assert_eq!(remains(&server, uid), Vec::<String>::new());
    } else {
        println!("not root: that a user owns nothing any more is not shown");
    }
}

#[test]
fn a_finished_run_leaves_no_value_in_clear_and_nothing_of_its_own() {
    run_of_a_killed_or_finished_apply(false);
}

#[test]
fn a_killed_run_leaves_no_value_in_clear_and_nothing_of_its_own() {
    run_of_a_killed_or_finished_apply(true);
}

#[test]
fn a_value_is_found_in_clear_and_in_base64_at_every_alignment() {
    let folder = tempfile::tempdir().unwrap();
    for (name, before) in [("clear", None), ("none", Some("")), ("one", Some("x")), ("two", Some("xy"))] {
        let text =
            before.map_or(BY_OUTPUT.as_bytes().to_vec(), |before| base64(format!("{before}{BY_OUTPUT}__").as_bytes()));
        std::fs::write(folder.path().join(name), [b"\0\xff", &text[..], b"\0"].concat()).unwrap();
    }
    assert_eq!(places(folder.path(), BY_OUTPUT).len(), 4);
    assert!(places(folder.path(), BY_ARCHIVE).is_empty());
}
