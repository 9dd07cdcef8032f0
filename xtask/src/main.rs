//! Project chores. `cargo xtask help` lists them.

mod bench;
mod children;
mod conformance;
mod demo;
mod dev_server;
mod file_sizes;
mod needs;
mod opentofu;
mod postgres;
mod steps;
mod temporary;
mod test;
mod walls;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project chores", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check and test, after installing what they need where that may be done.
    Test(test::Options),
    /// Repeat the tests that kill processes, twenty rounds each, on both databases. Takes most of an hour.
    Nightly,
    /// Build and start a server, run a real `terraform apply` through it, and print what happened.
    Demo(demo::Options),
    /// Run the suites of real clients against a server of its own.
    Conformance(conformance::Options),
    /// Measure a release build, each figure beside its budget. A budget that is missed fails nothing.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let chore = Arguments::parse().chore;
    let result = children::stop_on_signals().and_then(|()| match chore {
        Chore::Test(options) => test::run(&options),
        Chore::Nightly => test::nightly(),
        Chore::Demo(options) => demo::run(&options).map(|()| true),
        Chore::Conformance(options) => conformance::run(&options),
        Chore::Bench(options) => bench::run(&options),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
