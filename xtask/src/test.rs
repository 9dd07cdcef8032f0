//! `cargo xtask test`: every check and every test of this project. `cargo xtask nightly`: the loops too long for it.

use std::io::{BufRead, BufReader, IsTerminal, stdout};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::children::{self, Running, Stop};
use crate::steps::Steps;
use crate::workspace::{cargo, root};
use crate::{conformance, file_sizes, needs, opentofu, postgres, walls};

/// What may be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install cargo-deny if it is absent, which takes minutes, to check licences and sources.
    #[arg(long)]
    with_deny: bool,
}

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    /// Runs a `cargo test`, counts its tests, and answers whether it succeeded.
    fn add(&mut self, command: &mut Command) -> Result<bool> {
        let (count, succeeded) = counted(command)?;
        self.passed += count.passed;
        self.failed += count.failed;
        Ok(succeeded)
    }
}

/// Runs everything; false when anything failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    println!("Needs");
    let needs = needs::meet(options.with_deny)?;
    let mut steps = Steps::default();
    let mut count = Count::default();

    steps.run("format", seconds(20), || succeeds(&mut cargo(&["fmt", "--all", "--check"])));
    steps.run("walls", seconds(5), || Ok(none(&walls::violations()?)));
    steps.run("file sizes", seconds(5), || {
        Ok(none(&file_sizes::violations(&[&root().join("crates"), &root().join("xtask")])?))
    });
    if needs.deny {
        let mut deny = cargo(&["deny", "check", "bans", "licenses", "sources"]);
        steps.run("licences, bans, sources", seconds(60), || succeeds(&mut deny));
    }
    steps.run("clippy", minutes(3), || {
        succeeds(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    });
    let built = steps.run("build", minutes(5), || succeeds(&mut cargo(&["test", "--workspace", "--no-run"])));
    if built {
        steps.run("tests", minutes(12), || {
            let server = postgres::Server::start(&needs.postgres)?;
            let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
            count.add(command.env("TERRANE_TEST_POSTGRES_URL", server.url()))
        });
        steps.run("terraform on PostgreSQL", minutes(5), || {
            let server = postgres::Server::start(&needs.postgres)?;
            count.add(on_postgres(&mut of_the_program(&["terraform::", "api::"]), &server))
        });
        steps.run("the Go client's tests", minutes(5), || {
            let (passed, failed) = conformance::run_counted(&conformance::Options::passing("go-tfe"))?;
            count.passed += passed;
            count.failed += failed;
            Ok(failed == 0)
        });
    }
    Ok(summed_up(&steps, count))
}

/// Repeats what kills processes, often and on both databases, and what needs its time; false when anything failed.
pub(crate) fn nightly() -> Result<bool> {
    println!("Needs");
    let needs = needs::meet(false)?;
    let mut steps = Steps::default();
    let mut count = Count::default();
    steps
        .run("kills on SQLite", minutes(30), || count.add(of_the_program(&["faults::"]).env("TERRANE_TEST_LONG", "1")));
    steps.run("kills on PostgreSQL", minutes(30), || {
        let server = postgres::Server::start(&needs.postgres)?;
        count.add(on_postgres(of_the_program(&["faults::"]).env("TERRANE_TEST_LONG", "1"), &server))
    });
    steps.run("two hundred careless runs", minutes(10), || {
        count.add(of_the_program(&["limits::nothing_is_left"]).env("TERRANE_TEST_LONG", "1"))
    });
    steps.run("two thousand resources", minutes(10), || {
        count.add(of_the_program(&["two_thousand_resources"]).env("TERRANE_TEST_LONG", "1"))
    });
    steps.run("OpenTofu", minutes(15), || {
        let folder = opentofu::build()?;
        let mut command = cargo(&["test", "--package", "terrane", "--test", "it", "opentofu::", "--", "--ignored"]);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))?;
        count.add(command.env("PATH", path))
    });
    steps.run("a hundred callers", minutes(3), || {
        let mut command = cargo(&["test", "--package", "terrane-api", "--test", "it", "many_callers"]);
        count.add(command.env("TERRANE_TEST_LONG", "1"))
    });
    Ok(summed_up(&steps, count))
}

/// The tests of the executable whose names hold one of `names`.
fn of_the_program(names: &[&str]) -> Command {
    let mut command = cargo(&["test", "--package", "terrane", "--test", "it", "--no-fail-fast", "--"]);
    command.args(names);
    command
}

/// Lets the servers of the tests keep their data in `server`.
fn on_postgres<'a>(command: &'a mut Command, server: &postgres::Server) -> &'a mut Command {
    command.env("TERRANE_TEST_DATABASE", "postgres").env("TERRANE_TEST_POSTGRES_URL", server.url())
}

fn summed_up(steps: &Steps, count: Count) -> bool {
    steps.print();
    // A failed test has failed its step as well, and is counted once.
    let failed_steps = steps.failed().saturating_sub(u64::from(count.failed > 0));
    let Count { passed, failed } = count;
    println!("{passed} passed, {} failed", failed + failed_steps);
    failed + failed_steps == 0
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(children::run(command)?.success())
}

fn none(violations: &[String]) -> bool {
    for violation in violations {
        println!("{violation}");
    }
    violations.is_empty()
}

/// Runs `cargo test`, shows its output as it comes, and adds up its results.
fn counted(command: &mut Command) -> Result<(Count, bool)> {
    if stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut running = Running::start(command.stdout(Stdio::piped()), Stop::Group)?;
    let output = running.take_output().context("the output of cargo test is not piped")?;
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(result) = test_result(&line) {
            count.passed += result.passed;
            count.failed += result.failed;
        }
    }
    Ok((count, running.wait()?.success()))
}

/// Reads a line such as `test result: ok. 5 passed; 1 failed; 0 ignored; ...`.
fn test_result(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| counts.split("; ").find_map(|part| part.strip_suffix(name)?.trim().parse().ok());
    Some(Count { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_lines_of_cargo_test() {
        let line = "test result: FAILED. 5 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(test_result(line), Some(Count { passed: 5, failed: 1 }));
        assert_eq!(test_result("test result_is_read ... ok"), None);
    }

    #[test]
    fn results_of_a_command_are_added_up() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; \
                      echo 'test result: FAILED. 3 passed; 4 failed; 0 ignored'; exit 101";
        let (count, passed) = counted(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!((count, passed), (Count { passed: 5, failed: 4 }, false));
    }
}
