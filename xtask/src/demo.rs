//! `cargo xtask demo`: a server of one's own and a real `terraform apply` through it.

use std::fs;
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::children::{Running, Stop};
use crate::dev_server::{self, DevServer, Facts};
use crate::workspace::target_folder;

/// How long one terraform command may take; it needs seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// What may be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Stop the server once everything is shown.
    #[arg(long)]
    once: bool,
    /// Build with optimisations, which takes longer.
    #[arg(long)]
    release: bool,
}

/// Builds, starts, applies and tells.
pub(crate) fn run(options: &Options) -> Result<()> {
    let target = target_folder()?;
    let program = dev_server::build(&target, options.release)?;
    let start = Instant::now();
    let server = Demo(DevServer::start(&program, &target.join("demo"))?);
    let configuration = configuration(&target, &server.0.facts)?;

    for arguments in [&["init"][..], &["apply", "-auto-approve"], &["output"], &["state", "list"]] {
        server.terraform(&configuration, arguments)?;
    }
    server.tell(&configuration, start.elapsed());
    if options.once {
        server.0.running.stop();
        println!("The server is stopped.");
        return Ok(());
    }
    println!("The server runs until you press Ctrl-C.");
    let status = server.0.running.wait()?;
    bail!("the server ended with {status}; its log is {}", server.0.log.display())
}

/// The server of the demo.
struct Demo(DevServer);

impl Demo {
    /// Runs terraform as anyone would, without whatever else this shell has set for it.
    fn terraform(&self, configuration: &Path, arguments: &[&str]) -> Result<()> {
        println!("\n$ terraform {}", arguments.join(" "));
        let mut command = Command::new("terraform");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
            command.env_remove(name);
        }
        command.env("TF_CLI_CONFIG_FILE", self.0.facts.text("cli_config")?).current_dir(configuration).args(arguments);
        if !stdout().is_terminal() {
            command.env("TF_CLI_ARGS", "-no-color");
        }
        let running = Running::start(&mut command, Stop::Child)
            .context("is terraform installed? https://developer.hashicorp.com/terraform/install")?;
        let Some(status) = running.wait_at_most(PATIENCE)? else {
            bail!(
                "terraform {} did not end in {} s; the server's log is {}",
                arguments[0],
                PATIENCE.as_secs(),
                self.0.log.display()
            );
        };
        ensure!(status.success(), "terraform {} failed; the server's log is {}", arguments[0], self.0.log.display());
        Ok(())
    }

    fn tell(&self, configuration: &Path, took: Duration) {
        let text = |name| self.0.facts.text(name).unwrap_or("-");
        println!(
            "\nDone in {:.1} s after the build: terraform planned and applied on your own server.",
            took.as_secs_f32()
        );
        println!("  address        {}", text("address"));
        println!("  sign in        {}  (once)", text("sign_in_url"));
        println!("  user           {}", text("user"));
        println!("  organization   {}, workspace demo", text("organization"));
        println!("  configuration  {}", configuration.display());
        println!("  again          TF_CLI_CONFIG_FILE={} terraform apply", text("cli_config"));
        println!("  log            {}", self.0.log.display());
    }
}

/// Writes the configuration into an empty folder of its own.
fn configuration(target: &Path, facts: &Facts) -> Result<PathBuf> {
    let folder = target.join("demo-configuration");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let text =
        include_str!("demo.tf").replace("HOST", &facts.host()?).replace("ORGANIZATION", facts.text("organization")?);
    fs::write(folder.join("main.tf"), text)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::temporary::Folder;

    #[test]
    fn the_configuration_names_host_and_organization() {
        let folder = Folder::create("terrane-xtask-demo").unwrap();
        let facts = Facts(json!({"address": "http://127.0.0.1:8080/", "organization": "demo"}));
        let path = configuration(folder.path(), &facts).unwrap().join("main.tf");
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(r#"hostname     = "localhost:8080""#), "{text}");
        assert!(text.contains(r#"organization = "demo""#), "{text}");
    }
}
