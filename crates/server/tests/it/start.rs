//! Starting, not starting, and stopping.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use command_fds::{CommandFdExt as _, FdMapping};
use nix::sys::signal::Signal;

use crate::process::{Dev, is_gone, output, terrane};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_shows_examples() {
    for (arguments, example) in [
        (&["--help"][..], "terrane dev --"),
        (&["dev", "--help"], "terrane dev --"),
        (&["serve", "--help"], "terrane serve --"),
    ] {
        let shown = text(&output(arguments).stdout);
        assert!(shown.contains("Examples:\n") && shown.contains(example), "{shown}");
        assert!(!shown.contains("-child"), "{shown}");
    }
    assert!(text(&output(&["--version"]).stdout).starts_with("terrane "));
}

#[test]
fn a_busy_port_is_an_error_that_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = output(&["dev", "--listen", &address, "--data-dir", folder.path().to_str().unwrap()]);
    let message = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{message}");
    assert!(message.contains("--listen"), "{message}");
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let ended = output(&["dev", "--listen", "0.0.0.0:0", "--data-dir", "/nonexistent/terrane"]);
    let message = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{message}");
    assert!(message.contains("127.0.0.1"), "{message}");
}

#[test]
fn a_second_start_on_the_same_folder_names_the_first() {
    let dev = Dev::start();
    let ended = output(&["dev", "--listen", "127.0.0.1:0", "--data-dir", dev.data_dir.to_str().unwrap()]);
    let message = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{message}");
    let holder = std::fs::read_to_string(dev.data_dir.join("terrane.lock")).unwrap();
    assert!(message.contains(&format!("pid {}", holder.trim())), "{message}");
    assert!(dev.get("/healthz").unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_passed_socket_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dev = Dev::start_with(|command| {
        let mapping = FdMapping { parent_fd: listener.into(), child_fd: 3 };
        command.env("LISTEN_FDS", "1").fd_mappings(vec![mapping]).unwrap();
    });
    assert_eq!(dev.port, port);
    assert!(dev.get("/healthz").unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn no_slots_mean_no_runner() {
    let dev = Dev::start_with(|command| {
        command.args(["--runners", "0"]);
    });
    assert!(dev.data_dir.join("server.pid").exists() && !dev.data_dir.join("runner.pid").exists());
}

#[test]
fn the_data_folder_is_its_owners_only() {
    let dev = Dev::start();
    assert_eq!(std::fs::metadata(&dev.data_dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_stop_leaves_nothing_behind() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut dev = Dev::start();
        let children = [dev.pid("server"), dev.pid("runner")];
        dev.signal(signal);
        assert_eq!(dev.wait().code(), Some(0));
        assert!(children.into_iter().all(is_gone));
        assert!(!dev.data_dir.join("server.pid").exists() && !dev.data_dir.join("runner.pid").exists());
    }
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "failures can be planted in debug builds only")]
fn a_server_that_cannot_start_ends_everything_with_its_code_and_its_message() {
    for (planted, expected) in [("2", 2), ("3", 3), ("74", 74), ("9", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let ended = terrane()
            .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path())
            .env("TERRANE_TEST_FAIL_START", planted)
            .output()
            .unwrap();
        let message = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(expected), "{message}");
        assert!(message.contains(&format!("planted failure {planted}")), "{message}");
    }
}
