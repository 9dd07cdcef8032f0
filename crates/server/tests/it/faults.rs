//! Processes that are killed while terraform works: nothing is applied twice, nothing that was acknowledged is lost.

mod cancel;
mod chatty;
mod lost;
mod runner;
mod saved_plan;
mod server;
mod stop;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::faults_support::{Server, Workspace};
use crate::process::within;

/// Long loops instead of short ones.
fn is_long() -> bool {
    std::env::var_os("TERRANE_TEST_LONG").is_some_and(|value| value == "1")
}

/// A moment that differs from test to test.
fn random_millis(most: u64) -> Duration {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    Duration::from_millis(u64::from_ne_bytes(bytes) % most)
}

/// The second resource never ends; it leaves a process of another session and an orphan. Each has `MARKER` among its
/// arguments.
const NEVER_ENDING: &str = r#"
resource "terraform_data" "first" {
  provisioner "local-exec" {
    command = "echo first >> SHARED/ledger"
  }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "echo second >> SHARED/ledger; setsid sleep MARKER & (sh -c 'sleep MARKER & sleep MARKER' &); sleep MARKER"
  }
}
"#;

/// A workspace in the middle of an apply that does not end by itself.
struct Endless {
    workspace: Workspace,
    marker: String,
}

impl Endless {
    fn new(server: &Server) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let marker = format!("9{}.{:03}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let workspace = Workspace::new(server, "endless", &NEVER_ENDING.replace("MARKER", &marker));
        Self { workspace, marker }
    }

    /// Waits until the second resource is at work and the first has been in the state's file for some seconds.
    fn wait(&self) {
        within(Duration::from_mins(1), || self.workspace.ledger().contains("second"));
        within(Duration::from_secs(5), || {
            self.processes().iter().filter(|line| line.starts_with("sleep ")).count() == 4
        });
        thread::sleep(Duration::from_secs(3));
    }

    fn processes(&self) -> Vec<String> {
        crate::faults_checks::live_processes(&self.marker)
    }
}
