//! The binary: command line, configuration, supervisor, wiring. It holds no rule of Terrane's own.
//!
//! `terrane dev` and `terrane serve` are a supervisor that starts this same executable twice more, as the server and as the embedded
//! runner; see [`supervisor`] for why.

mod child_process;
mod cli;
mod configuration;
mod dev;
mod exit;
mod files;
mod handover;
mod https_redirect;
mod listener;
mod logging;
mod runner_process;
mod serve;
mod server_process;
mod supervisor;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::configuration::Mode;

fn main() -> ExitCode {
    // The sandbox changes the process it runs in, which works only while that process has a single thread: it
    // comes before anything that could start another one.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "sandbox") {
        return runner_process::sandbox(&arguments.collect::<Vec<_>>());
    }
    let result = match Cli::parse().command {
        Command::Dev(arguments) => configuration::resolve(Mode::Dev, arguments).and_then(supervisor::run),
        Command::Serve(arguments) => configuration::resolve(Mode::Serve, arguments).and_then(supervisor::run),
        Command::ServerChild => server_process::main(),
        Command::RunnerChild => runner_process::main(),
    };
    result.unwrap_or_else(|error| exit::report(&error))
}
