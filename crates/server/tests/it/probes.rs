//! What a run reaches of the machine that works for it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getuid};
use serde_json::json;

use crate::faults_support::{Owner, PLANTED, Server, Workspace};
use crate::process::{terrane, within};

/// Each line is a name and a command that succeeds if the run reaches what it must not.
const PROBES: &str = r#"
root-key            test -s DATA/root.key && head -c 1 DATA/root.key
database            head -c 15 DATA/terrane.db | grep -a SQLite
token-file          grep token DATA/dev.json
blobs               ls -A DATA/blobs | grep .
server-environment  tr '\0' '\n' < /proc/SERVER/environ | grep PATH=
runner-environment  tr '\0' '\n' < /proc/RUNNER/environ | grep PATH=
server-memory       start=$(head -n 1 /proc/SERVER/maps | cut -d - -f 1) && dd if=/proc/SERVER/mem bs=4096 count=1 skip=$((0x$start / 4096)) | grep -a ELF
runner-descriptors  ls -A /proc/RUNNER/fd | grep .
other-run           other=$(ls DATA/runner/runs | grep -v "$TFC_RUN_ID" | grep run- | head -n 1) && test -n "$other" && ls DATA/runner/runs/$other/config/main.tf
signal-to-server    kill -0 SERVER
supervisor-folder   readlink /proc/SUPERVISOR/cwd
inherited-values    cat /proc/[0-9]*/environ | grep -a "VALUE"
"#;

const APPLY: &str = r#"
resource "terraform_data" "probes" {
  provisioner "local-exec" {
    command = "sh SHARED/probes.sh; touch SHARED/ended"
  }
}
"#;

const SLEEPING: &str = r#"
resource "terraform_data" "other" {
  provisioner "local-exec" {
    command = "touch SHARED/here; until [ -e SHARED/go ]; do sleep 0.05; done"
  }
}
"#;

fn script(server: &Server, workspace: &Workspace) -> String {
    let reached = workspace.shared.path().join("reached");
    let probe = |(name, command): (&str, &str)| {
        format!("if ( {command} ) > /dev/null 2>&1; then echo {name} >> {}; fi\n", reached.display())
    };
    let text: String = PROBES.lines().filter_map(|line| line.split_once(' ')).map(probe).collect();
    // The search must not find itself.
    let value = format!("[{}]{}", &PLANTED.1[..1], &PLANTED.1[1..]);
    text.replace("DATA", server.data_dir().to_str().unwrap())
        .replace("SERVER", &server.pid("server").to_string())
        .replace("RUNNER", &server.pid("runner").to_string())
        .replace("SUPERVISOR", &server.pid("supervisor").to_string())
        .replace("VALUE", &value)
}

/// The names of the probes that succeed.
fn reached(server: &Server) -> Vec<String> {
    let other = Workspace::new(server, "other", SLEEPING);
    let sleeping = other.apply();
    within(Duration::from_mins(1), || other.shared.path().join("here").exists());
    let workspace = Workspace::new(server, "probes", APPLY);
    std::fs::write(workspace.shared.path().join("probes.sh"), script(server, &workspace)).unwrap();
    let (code, shown) = workspace.apply().end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(workspace.shared.path().join("ended").exists());
    std::fs::write(other.shared.path().join("go"), "").unwrap();
    assert_eq!(sleeping.end().0, Some(0));
    let text = std::fs::read_to_string(workspace.shared.path().join("reached")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn all_names() -> Vec<String> {
    PROBES.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect()
}

#[test]
fn a_run_reaches_nothing_of_the_server_of_the_runner_or_of_another_run() {
    if !getuid().is_root() {
        println!("not root: that each run has a user of its own is not shown");
    }
    assert_eq!(all_names().len(), 12);
    assert_eq!(reached(&Server::start()), Vec::<String>::new());
}

#[test]
fn nor_does_it_if_the_server_is_not_root_and_so_has_the_same_user() {
    if getuid().is_root() {
        assert_eq!(reached(&Server::start_as(Owner::Nobody, &[])), Vec::<String>::new());
    }
}

#[test]
fn nor_if_the_system_lets_nobody_make_namespaces() {
    if getuid().is_root() {
        let server = Server::start_as(Owner::NobodyWithoutNamespaces, &[]);
        assert_eq!(reached(&server), Vec::<String>::new());
        assert!(String::from_utf8_lossy(&server.log()).contains("this system gives runs no namespaces"));
    }
}

#[test]
fn the_same_probes_reach_everything_when_the_sandbox_is_off_and_the_run_says_so() {
    for owner in [Owner::Tester, Owner::Nobody].into_iter().take(if getuid().is_root() { 2 } else { 1 }) {
        let server = Server::start_as(owner, &["--sandbox", "off"]);
        assert_eq!(reached(&server), all_names());
        assert!(String::from_utf8_lossy(&server.log()).contains("the sandbox is off"));
        let workspace = Workspace::new(&server, "plain", "resource \"terraform_data\" \"plain\" {}\n");
        let (code, shown) = workspace.apply().end();
        assert_eq!(code, Some(0), "{shown}");
        assert!(String::from_utf8_lossy(&workspace.log(&server, "plan")).contains("this run is not sandboxed"));
    }
}

const OWN_FOLDERS: &str = r#"
resource "terraform_data" "own" {
  provisioner "local-exec" {
    command = <<-END
      ls -A /tmp /var/tmp > SHARED/before
      echo text > /tmp/written && echo text > /var/tmp/written && cat "$TMPDIR/written" > SHARED/written
      grep -E "Cap(Eff|Prm)|NoNewPrivs" /proc/self/status > SHARED/privileges
      touch OUTSIDE/written || true
    END
  }
}
"#;

#[test]
fn a_run_has_a_tmp_of_its_own_and_no_privileges() {
    let owners = if getuid().is_root() { &[Owner::Tester, Owner::Nobody][..] } else { &[] };
    for &owner in owners {
        let left = ["/tmp", "/var/tmp"].map(|folder| std::path::Path::new(folder).join("written"));
        assert!(left.iter().all(|path| !path.exists()), "another test wrote this");
        let server = Server::start_as(owner, &[]);
        for name in ["first", "second"] {
            // Open to everyone; but a run that has the server's user is to write to its own folders only.
            let outside = tempfile::tempdir_in("/var/lib").unwrap();
            std::fs::set_permissions(outside.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
            let configuration = OWN_FOLDERS.replace("OUTSIDE", outside.path().to_str().unwrap());
            let workspace = Workspace::new(&server, name, &configuration);
            let (code, shown) = workspace.apply().end();
            assert_eq!(code, Some(0), "{shown}");
            let read = |name: &str| std::fs::read_to_string(workspace.shared.path().join(name)).unwrap();
            assert!(!read("before").contains("written"), "{}", read("before"));
            assert_eq!(read("written"), "text\n");
            let privileges = read("privileges").replace('\t', " ");
            assert_eq!(privileges, "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nNoNewPrivs: 1\n");
            assert_eq!(outside.path().join("written").exists(), owner == Owner::Tester);
        }
        assert!(left.iter().all(|path| !path.exists()));
    }
}

/// As the runner writes it.
fn message(value: &serde_json::Value) -> Vec<u8> {
    let text = value.to_string();
    [&(text.len() as u64).to_be_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn an_interrupt_that_comes_before_terraform_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let guards = if getuid().is_root() { &["Off", "Namespaces"][..] } else { &["Off"] };
    for &guard in guards {
        for (is_interrupted, code) in [(false, 0), (true, 130)] {
            let settings = json!({
                "guard": guard, "runner_pid": std::process::id(), "folder": folder.path(), "temporary": folder.path(),
                "hidden": [], "home": null, "uid": null, "engine": null,
            });
            let order = json!({
                "working_directory": "/", "environment": [], "program": "/bin/sh", "arguments": ["-c", "exit 0"],
            });
            let mut command = terrane();
            command.args(["sandbox", "guardian"]).process_group(0).stdin(Stdio::piped());
            // It dies with the thread that started it.
            let mut child = command.spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(&message(&settings)).unwrap();
            std::thread::sleep(Duration::from_millis(500));
            if is_interrupted {
                killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
            }
            input.write_all(&message(&order)).unwrap();
            drop(input);
            assert_eq!(child.wait().unwrap().code(), Some(code), "{guard}");
        }
    }
}
