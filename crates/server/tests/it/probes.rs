//! What a run reaches of the machine that works for it.

use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getuid};
use serde_json::json;

use crate::faults_support::{Owner, PLANTED, Server, Workspace, open_to_all};
use crate::process::{terrane, within};

/// Each line says who reaches it without a sandbox (everyone, or root), a name, and a command that succeeds if the run
/// reaches what it must not.
const PROBES: &str = include_str!("probes/table.txt");

/// Words of the commands. A call `does` if it succeeds, and `enters` if the kernel at least looked at what it was given.
/// What this kernel has not got is no proof of anything.
const WORDS: &str = r#"
call() {
  perl -e '
    my $how = shift; my @values = map { /^-?\d+$/ ? $_ + 0 : $_ } @ARGV;
    exit 0 if syscall(shift @values, @values, (0) x (6 - @values)) != -1;
    exit 38 if $!{ENOSYS};
    exit($how eq "does" || $!{EPERM} || $!{EACCES} ? 1 : 0)' -MErrno "$@"
}
connects() {
  perl -MSocket -e '
    my $name = $ARGV[0] eq "abstract" ? "\0ABSTRACT" : $ARGV[0];
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or exit 1;
    exit(connect($socket, pack_sockaddr_un($name)) ? 0 : 1)' "$@"
}
"#;

/// System calls by the names that the table has for them.
const CALLS: &[(&str, libc::c_long)] = &[
    ("acct", libc::SYS_acct),
    ("add_key", libc::SYS_add_key),
    ("bpf", libc::SYS_bpf),
    ("chroot", libc::SYS_chroot),
    ("clock_settime", libc::SYS_clock_settime),
    ("clone", libc::SYS_clone),
    ("clone3", libc::SYS_clone3),
    ("finit_module", libc::SYS_finit_module),
    ("fsopen", libc::SYS_fsopen),
    ("init_module", libc::SYS_init_module),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("kcmp", libc::SYS_kcmp),
    ("kexec_load", libc::SYS_kexec_load),
    ("keyctl", libc::SYS_keyctl),
    ("mount", libc::SYS_mount),
    ("move_mount", libc::SYS_move_mount),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("personality", libc::SYS_personality),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pivot_root", libc::SYS_pivot_root),
    ("process_madvise", libc::SYS_process_madvise),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("ptrace", libc::SYS_ptrace),
    ("reboot", libc::SYS_reboot),
    ("request_key", libc::SYS_request_key),
    ("sethostname", libc::SYS_sethostname),
    ("setns", libc::SYS_setns),
    ("setuid", libc::SYS_setuid),
    ("socket", libc::SYS_socket),
    ("swapon", libc::SYS_swapon),
    ("syslog", libc::SYS_syslog),
    ("umount2", libc::SYS_umount2),
    ("unshare", libc::SYS_unshare),
    ("userfaultfd", libc::SYS_userfaultfd),
];

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

/// Who reaches it without a sandbox, name, command.
fn probes() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PROBES.lines().map(|line| {
        let (who, rest) = line.split_once(' ').unwrap();
        let (name, command) = rest.trim_start().split_once(' ').unwrap();
        (who, name, command.trim_start())
    })
}

/// `does mount 0` with the number of the call.
fn with_numbers(command: &str) -> String {
    let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    for place in 0..words.len() {
        if matches!(words[place].as_str(), "does" | "enters") {
            let (_, number) = CALLS.iter().find(|(name, _)| *name == words[place + 1]).expect(command);
            words[place + 1] = number.to_string();
            words[place].insert_str(0, "call ");
        }
    }
    words.join(" ")
}

/// What the probes look for outside of the run's own, while it runs.
struct Outside {
    folder: tempfile::TempDir,
    planted: tempfile::NamedTempFile,
    abstract_name: String,
    _listeners: [UnixListener; 2],
}

impl Outside {
    fn of(server: &Server) -> Self {
        // Open to everyone, but not the run's.
        let folder = open_to_all(tempfile::tempdir_in("/var/lib").unwrap());
        let mut planted = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
        planted.write_all(b"text").unwrap();
        std::fs::set_permissions(planted.path(), std::fs::Permissions::from_mode(0o666)).unwrap();
        let abstract_name = format!("terrane-probe-{}", server.port);
        let path = server.data_dir().with_file_name("socket");
        let listeners = [
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name).unwrap()).unwrap(),
            UnixListener::bind(&path).unwrap(),
        ];
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        Self { folder, planted, abstract_name, _listeners: listeners }
    }
}

fn script(server: &Server, workspace: &Workspace, outside: &Outside) -> String {
    let shared = workspace.shared.path().display();
    let probe = |(_, name, command): (&str, &str, &str)| {
        let command = with_numbers(command);
        format!(
            "( {command} ) > /dev/null 2>&1; case $? in 0) echo {name} >> {shared}/reached ;; 38) echo {name} >> {shared}/absent ;; esac\n"
        )
    };
    let mut text = WORDS.to_owned() + &probes().map(probe).collect::<String>();
    // The search must not find itself.
    let value = format!("[{}]{}", &PLANTED.1[..1], &PLANTED.1[1..]);
    let data = server.data_dir();
    for name in ["pid", "mnt", "ipc", "uts", "cgroup"] {
        // Of the server, which a test may have put into a namespace of its own.
        let own = std::fs::read_link(format!("/proc/{}/ns/{name}", server.pid("runner"))).unwrap();
        text = text.replace(&format!("NS_{}", name.to_uppercase()), own.to_str().unwrap());
    }
    for (word, meaning) in [
        ("FOLDER", data.parent().unwrap().to_str().unwrap()),
        ("DATA", data.to_str().unwrap()),
        ("OUTSIDE", outside.folder.path().to_str().unwrap()),
        ("PLANTED", outside.planted.path().file_name().unwrap().to_str().unwrap()),
        ("ABSTRACT", &outside.abstract_name),
        ("SHARED", &shared.to_string()),
        ("SERVER", &server.pid("server").to_string()),
        ("RUNNER", &server.pid("runner").to_string()),
        ("SUPERVISOR", &server.pid("supervisor").to_string()),
        ("VALUE", &value),
    ] {
        text = text.replace(word, meaning);
    }
    text
}

/// The names of the probes that succeed, those of what this kernel has not got, and the level that the phase shows.
fn reached(server: &Server) -> (Vec<String>, Vec<String>, String) {
    let other = Workspace::new(server, "other", SLEEPING);
    let sleeping = other.apply();
    within(Duration::from_mins(1), || other.shared.path().join("here").exists());
    let outside = Outside::of(server);
    let workspace = Workspace::new(server, "probes", APPLY);
    std::fs::write(workspace.shared.path().join("probes.sh"), script(server, &workspace, &outside)).unwrap();
    let (code, shown) = workspace.apply().end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(workspace.shared.path().join("ended").exists());
    std::fs::write(other.shared.path().join("go"), "").unwrap();
    assert_eq!(sleeping.end().0, Some(0));
    let names = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(workspace.shared.path().join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let run = workspace.run(server);
    let apply = server.data(&format!("applies/{}", run["relationships"]["apply"]["data"]["id"].as_str().unwrap()));
    let level = apply["attributes"]["sandbox-level"].as_str().unwrap().to_owned();
    let log = String::from_utf8_lossy(&workspace.log(server, "apply")).into_owned();
    assert!(log.contains(&format!("(sandbox {level})\n")), "{log}");
    (names("reached"), names("absent"), level)
}

#[test]
fn a_run_of_a_server_that_is_root_reaches_nothing() {
    if !getuid().is_root() {
        println!("not root: that each run has a user of its own is not shown");
        return;
    }
    assert!(probes().count() >= 60);
    let (reached, _, level) = reached(&Server::start_with(&["--sandbox", "l2"]));
    assert_eq!((reached, level.as_str()), (Vec::new(), "L2"));
}

#[test]
fn nor_does_it_if_the_server_is_not_root_and_so_has_the_same_user() {
    let owner = if getuid().is_root() { Owner::Nobody } else { Owner::Tester };
    let (reached, _, level) = reached(&Server::start_as(owner, &[]));
    assert_eq!((reached, level.as_str()), (Vec::new(), "L1"));
}

/// Other processes are seen, and what only namespaces keep apart is shared; Landlock lets through a socket whose name is
/// known.
const SEEN_WITHOUT_NAMESPACES: &[&str] = &[
    "shared-memory-of-others",
    "write-to-shared-memory",
    "hidden-socket",
    "capabilities-to-gain",
    "kernel-messages",
    "list-keys",
    "server-arguments",
    "server-threads",
    "limits-of-server",
    "open-server-process",
    "namespace-of-processes",
    "namespace-of-mounts",
    "namespace-of-ipc",
    "namespace-of-names",
    "namespace-of-groups",
];

#[test]
fn nor_more_than_what_can_be_seen_if_the_system_lets_nobody_make_namespaces() {
    if getuid().is_root() {
        let server = Server::start_as(Owner::NobodyWithoutNamespaces, &[]);
        let (mut reached, _, level) = reached(&server);
        reached.retain(|name| !SEEN_WITHOUT_NAMESPACES.contains(&name.as_str()));
        assert_eq!((reached, level.as_str()), (Vec::new(), "L1"));
        assert!(String::from_utf8_lossy(&server.log()).contains("namespaces: "));
    }
}

#[test]
fn the_same_probes_reach_everything_when_the_sandbox_is_off_and_the_run_says_so() {
    let owners = if getuid().is_root() { &[Owner::Tester, Owner::Nobody][..] } else { &[Owner::Tester] };
    for &owner in owners {
        let server = Server::start_as(owner, &["--sandbox", "off"]);
        let (reached, absent, level) = reached(&server);
        println!("this kernel has not got: {absent:?}");
        let is_root = owner == Owner::Tester && getuid().is_root();
        let wanted = probes().filter(|(who, ..)| is_root || *who == "any").map(|(_, name, _)| name.to_owned());
        let kept: Vec<String> = wanted.filter(|name| !reached.contains(name) && !absent.contains(name)).collect();
        assert_eq!((kept, level.as_str()), (Vec::new(), "L0"), "what no sandbox keeps from a run");
        assert!(reached.len() >= if is_root { 85 } else { 60 }, "{reached:?}");
        assert!(String::from_utf8_lossy(&server.log()).contains("the sandbox is off"));
        let workspace = Workspace::new(&server, "plain", "resource \"terraform_data\" \"plain\" {}\n");
        let (code, shown) = workspace.apply().end();
        assert_eq!(code, Some(0), "{shown}");
        assert!(String::from_utf8_lossy(&workspace.log(&server, "plan")).contains("this run is not sandboxed"));
    }
}

/// As in a container that has root, but not the right to make namespaces.
fn without_mounts(arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_admin"]).arg(terrane().get_program()).args(arguments);
    command
}

#[test]
fn serve_does_not_start_with_less_than_it_should_have_and_says_what_is_missing() {
    if !getuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
    let ended = without_mounts(&serve).output().unwrap();
    let message = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{message}");
    for part in ["sandbox-unavailable: ", "level L2", "only L1", "namespaces: make namespaces: EPERM", "--sandbox l1"] {
        assert!(message.contains(part), "{message}");
    }
    let log = std::fs::File::create(folder.path().join("stderr")).unwrap();
    let mut child = without_mounts(&[&serve[..], &["--sandbox", "l1"]].concat()).stderr(log).spawn().unwrap();
    let said = || std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    within(Duration::from_mins(1), || said().contains("runs get a weaker one"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", said());
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
            let outside = open_to_all(tempfile::tempdir_in("/var/lib").unwrap());
            let configuration = OWN_FOLDERS.replace("OUTSIDE", outside.path().to_str().unwrap());
            let workspace = Workspace::new(&server, name, &configuration);
            let (code, shown) = workspace.apply().end();
            assert_eq!(code, Some(0), "{shown}");
            let read = |name: &str| std::fs::read_to_string(workspace.shared.path().join(name)).unwrap();
            assert!(!read("before").contains("written"), "{}", read("before"));
            assert_eq!(read("written"), "text\n");
            let privileges = read("privileges").replace('\t', " ");
            assert_eq!(privileges, "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nNoNewPrivs: 1\n");
            assert!(!outside.path().join("written").exists());
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
    let guards = if getuid().is_root() { &[false, true][..] } else { &[false] };
    for &guard in guards {
        for (is_interrupted, code) in [(false, 0), (true, 130)] {
            let settings = json!({
                "guard": { "namespaces": guard, "landlock": guard }, "runner_pid": std::process::id(), "folder": folder.path(), "temporary": folder.path(),
                "hidden": [], "writable": [], "readable": [], "home": null, "uid": null, "engine": null, "groups": [],
                "file_bytes": 1,
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
            assert_eq!(child.wait().unwrap().code(), Some(code), "in namespaces: {guard}");
        }
    }
}
