//! The command line.

use clap::{Parser, Subcommand};

use crate::configuration::Arguments;

const EXAMPLES: &str = "\
Examples:
  terrane dev
      Start everything on http://localhost:8080, with a demo organization and a token.

  terrane dev --listen 127.0.0.1:9090 --data-dir ./terrane-data
      The same on another port, with its data in a folder of your choice.

  terrane serve --listen 0.0.0.0:443 --public-url https://terrane.example.com --tls-cert cert.pem --tls-key key.pem
      Serve everyone. The first start prints a link that sets up the first account.

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

const SERVE_EXAMPLES: &str = "\
Each setting may also stand in DATA_DIR/terrane.toml, for example:
  public_url = \"https://terrane.example.com\"
  tls_cert = \"/etc/terrane/certificate.pem\"
A flag wins over the environment, the environment over the file.

Examples:
  terrane serve --listen 0.0.0.0:443 --public-url https://terrane.example.com \\
      --tls-cert /etc/terrane/certificate.pem --tls-key /etc/terrane/key.pem
      TLS by itself; `kill -HUP` reads a renewed certificate.

  terrane serve --public-url https://terrane.example.com
      Plain HTTP on 127.0.0.1:8080, behind a TLS proxy on this machine.

  TERRANE_DATABASE_URL=postgres://terrane@db/terrane TERRANE_DATA_DIR=/var/lib/terrane terrane serve
      With PostgreSQL; blobs and the root key are in the data folder.

The first start prints a link, good for one use within 30 minutes, that sets up the first account and organization. Starting
again prints a new one as long as nobody has an account.

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
    #[command(mut_arg("tls_cert", |it| it.hide(true)), mut_arg("tls_key", |it| it.hide(true)))]
    #[command(mut_arg("allow_plain_http", |it| it.hide(true)))]
    Dev(Arguments),
    /// Serve everyone: TLS, accounts with passwords, terraform login.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Arguments),
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
