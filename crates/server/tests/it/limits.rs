//! What a run may use, and what is left of one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::unistd::getuid;
use serde_json::json;

use crate::faults_support::{Owner, PATIENCE, Server, Workspace};
use crate::process::within;

fn running(command: &str) -> String {
    format!(
        "resource \"terraform_data\" \"it\" {{\n  provisioner \"local-exec\" {{\n    command = <<-END\n{command}\nEND\n  }}\n}}\n"
    )
}

/// Name, what the run does, its reason, what the sentence names.
const GREEDY: [(&str, &str, &str, &str); 3] = [
    ("memory", "perl -e 'my $x = \"a\" x (400 << 20); sleep 30'", "oom", "256 MiB of memory"),
    ("processes", "for i in $(seq 300); do sleep 30 & done; wait", "process-limit", "200 processes"),
    (
        "disk",
        "for i in 1 2 3; do dd if=/dev/zero of=fill$i bs=1M count=40; done; sleep 30",
        "disk-full",
        "64 MiB of disk",
    ),
];

const FEW: &[&str] = &["--run-memory", "256MiB", "--run-processes", "200", "--run-disk", "64MiB"];

fn assert_ended(server: &Server, name: &str, command: &str, reason: &str, limit: &str) {
    let workspace = Workspace::new(server, name, &running(command));
    let (code, shown) = workspace.apply().end();
    assert_eq!(code, Some(1), "{name}: {shown}");
    let run = workspace.run(server)["attributes"].clone();
    assert_eq!(run["reason-code"], reason, "{name}: {run}");
    let sentence = run["reason"].as_str().unwrap();
    assert!(sentence.contains(limit) && sentence.contains(&format!("--run-{name}")), "{name}: {sentence}");
}

#[test]
fn a_run_that_takes_too_much_is_ended_with_the_reason_and_the_limit() {
    let owners = if getuid().is_root() { &[Owner::Tester, Owner::Nobody][..] } else { &[Owner::Tester] };
    for &owner in owners {
        let server = Server::start_as(owner, FEW);
        for (name, command, reason, limit) in GREEDY {
            assert_ended(&server, name, command, reason, limit);
        }
    }
}

#[test]
fn a_run_that_takes_too_long_is_interrupted_and_keeps_its_state() {
    let server = Server::start_with(&["--run-apply-time", "8s"]);
    assert_ended(&server, "apply-time", "sleep 100", "time-limit", "8 s for the apply");
}

/// Leaves behind what it can. The number tells its processes from all others.
fn careless(number: u32) -> String {
    format!(
        "resource \"terraform_data\" \"it\" {{\n  triggers_replace = timestamp()\n  provisioner \"local-exec\" {{\n    command = <<-END\n\
         setsid sleep {number} > /dev/null 2>&1 & (sleep {number} > /dev/null 2>&1 &)\n\
         touch /tmp/left-{number} /var/tmp/left-{number} /dev/shm/left-{number}; mkfifo pipe; chmod 0 .; sleep 0.2\nEND\n  }}\n}}\n"
    )
}

/// Processes that were started as `sleep NUMBER`.
fn sleepers(number: u32) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let wanted = format!("sleep\0{number}\0");
    processes.filter(|path| std::fs::read(path.join("cmdline")).is_ok_and(|text| text == wanted.as_bytes())).collect()
}

/// Our groups, in which those of jobs are made, as a process of a run is seen from outside.
fn groups_of(process: &Path) -> BTreeSet<PathBuf> {
    let text = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
    let names = text.lines().filter_map(|line| {
        let ours = line.split('/').find(|part| part.starts_with("terrane-"))?;
        Some(format!("{}{ours}", line.splitn(3, ':').nth(2)?.split(ours).next()?))
    });
    let trees = || std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let trees: Vec<PathBuf> = trees().chain([PathBuf::from("/sys/fs/cgroup")]).collect();
    let places = names
        .flat_map(|name| trees.iter().map(move |tree| tree.join(name.trim_start_matches('/'))).collect::<Vec<_>>());
    places.filter(|path| path.is_dir()).collect()
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

#[test]
fn nothing_is_left_of_careless_runs() {
    let runs = if std::env::var_os("TERRANE_TEST_LONG").is_some() { 200 } else { 20 };
    let server = Server::start();
    // So long that nothing else sleeps as long.
    let number = 7_000_000 + u32::from(server.port);
    let mounts =
        || std::fs::read_to_string(format!("/proc/{}/mountinfo", server.pid("runner"))).unwrap().lines().count();
    let before = mounts();
    let workspace = Workspace::new(&server, "careless", &careless(number));
    let first = workspace.apply();
    within(PATIENCE, || !sleepers(number).is_empty());
    let groups: BTreeSet<PathBuf> = sleepers(number).iter().flat_map(|process| groups_of(process)).collect();
    assert_eq!(first.end().0, Some(0));
    if getuid().is_root() {
        assert!(!groups.is_empty(), "no group of a run was seen");
    }
    let id = workspace.document(&server)["id"].as_str().unwrap().to_owned();
    for _ in 1..runs {
        let run = json!({ "data": { "type": "runs", "attributes": { "auto-apply": true },
            "relationships": { "workspace": { "data": { "type": "workspaces", "id": id } } } } });
        let (status, body) = server.call("POST", "/api/v2/runs", &run.to_string());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
        workspace.wait_for(&server, "applied");
    }
    let runs_folder = server.data_dir().join("runner/runs");
    within(PATIENCE, || {
        sleepers(number).is_empty()
            && folders_in(&runs_folder).is_empty()
            && groups.iter().all(|group| folders_in(group).is_empty())
    });
    for folder in ["/tmp", "/var/tmp", "/dev/shm"] {
        assert!(!Path::new(folder).join(format!("left-{number}")).exists(), "{folder}");
    }
    assert_eq!(mounts(), before);
}
