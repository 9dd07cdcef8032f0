//! The command line.

use clap::{Parser, Subcommand};

use crate::configuration::Arguments;

const EXAMPLES: &str = "\
Examples:
  terrane dev
      Start everything on http://localhost:8080, with a demo organization and a token.

  terrane dev --listen 127.0.0.1:9090 --data-dir ./terrane-data
      The same on another port, with its data in a folder of your choice.

  export TF_CLI_CONFIG_FILE=./terrane-data/dev.tfrc && terraform init
      Use that server from an unchanged terraform.";

const DEV_EXAMPLES: &str = "\
Each setting may also stand in DATA_DIR/terrane.toml, for example:
  listen = \"127.0.0.1:9090\"
  runners = 4
A flag wins over the environment, the environment over the file.

Examples:
  terrane dev --data-dir ./terrane-data
  terrane dev --listen 127.0.0.1:0 --log debug
  TERRANE_DATABASE_URL=postgres://terrane@localhost/terrane terrane dev

Exit codes: 0 stopped on request, 1 failed, 2 wrong settings, 3 address or data folder in use, 74 disk.";

/// A server for terraform that speaks the HCP Terraform API and runs plans and applies by itself.
#[derive(Parser)]
#[command(name = "terrane", version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The sub-commands. `sandbox` is missing here: it is handled before the command line is parsed.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine: plain HTTP on loopback, demo organization, token.
    #[command(after_help = DEV_EXAMPLES)]
    Dev(Arguments),
    /// The server, as the supervisor starts it.
    #[command(hide = true)]
    ServerChild,
    /// The embedded runner, as the supervisor starts it.
    #[command(hide = true)]
    RunnerChild,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
