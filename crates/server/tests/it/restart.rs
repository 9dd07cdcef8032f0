//! Processes that are killed.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::process::{Dev, is_gone, within};

#[test]
fn a_killed_server_is_back_within_a_second_and_no_connection_is_refused() {
    let dev = Dev::start();
    for _ in 0..3 {
        let killed = dev.pid("server");
        kill(killed, Signal::SIGKILL).unwrap();
        let began = Instant::now();
        // The dying process may take one connection with it, but none may be refused: `get` fails the test then.
        while !dev.get("/healthz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
            assert!(began.elapsed() < Duration::from_secs(1));
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        within(Duration::from_secs(1), || is_gone(killed));
        assert_ne!(dev.pid("server"), killed);
    }
}

#[test]
fn a_killed_runner_is_started_again_and_the_server_stays() {
    let dev = Dev::start();
    let (server, runner) = (dev.pid("server"), dev.pid("runner"));
    kill(runner, Signal::SIGKILL).unwrap();
    within(Duration::from_secs(2), || dev.pid("runner") != runner);
    assert_eq!(dev.pid("server"), server);
}

#[test]
fn children_of_a_killed_supervisor_end() {
    let dev = Dev::start();
    let children = [dev.pid("server"), dev.pid("runner")];
    dev.signal(Signal::SIGKILL);
    within(Duration::from_secs(2), || children.into_iter().all(is_gone));
}
