//! `cargo xtask demo`: a server of one's own and a real `terraform apply` through it.

use std::fs;
use std::io::{IsTerminal, stdout};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::children::{self, Running, Stop};
use crate::workspace::{cargo, target_folder};

/// How long the server may take to start.
const START: Duration = Duration::from_secs(30);
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
    let program = build(&target, options.release)?;
    let start = Instant::now();
    let server = Server::start(&program, &target)?;
    let configuration = configuration(&target, &server.facts)?;

    for arguments in [&["init"][..], &["apply", "-auto-approve"], &["output"], &["state", "list"]] {
        server.terraform(&configuration, arguments)?;
    }
    server.tell(&configuration, start.elapsed());
    if options.once {
        server.running.stop();
        println!("The server is stopped.");
        return Ok(());
    }
    println!("The server runs until you press Ctrl-C.");
    let status = server.running.wait()?;
    bail!("the server ended with {status}; its log is {}", server.log.display())
}

fn build(target: &Path, release: bool) -> Result<PathBuf> {
    println!("$ cargo build --package terrane{}", if release { " --release" } else { "" });
    let mut command = cargo(&["build", "--package", "terrane"]);
    if release {
        command.arg("--release");
    }
    ensure!(children::run(&mut command)?.success(), "the build failed");
    Ok(target.join(if release { "release" } else { "debug" }).join("terrane"))
}

/// What the server writes down for programs: `dev.json` in its data folder.
struct Facts(Value);

impl Facts {
    fn text(&self, name: &str) -> Result<&str> {
        self.0[name].as_str().with_context(|| format!("dev.json has no {name}"))
    }

    /// The host and port of the cloud block.
    fn host(&self) -> Result<String> {
        let address = self.text("address")?;
        let port = address.trim_end_matches('/').rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        Ok(format!("localhost:{}", port.with_context(|| format!("the address {address} has no port"))?))
    }
}

struct Server {
    running: Running,
    log: PathBuf,
    facts: Facts,
}

impl Server {
    /// Starts the server on its usual port or, where that is taken, on a free one.
    fn start(program: &Path, target: &Path) -> Result<Self> {
        let data = target.join("demo");
        let log = target.join("demo.log");
        let facts_file = data.join("dev.json");
        let before = modified(&facts_file);
        let listen = free_address()?;
        println!("$ {} dev --data-dir {} --listen {listen}", program.display(), data.display());
        let output = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        command.args(["dev", "--listen", &listen, "--data-dir"]).arg(&data);
        let running = Running::start(command.stdout(output.try_clone()?).stderr(output), Stop::Child)?;
        let deadline = Instant::now() + START;
        loop {
            if let Some(facts) = new_facts(&facts_file, before) {
                return Ok(Self { running, log, facts });
            }
            let said = || fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = running.ended()? {
                bail!("the server ended with {status}:\n{}", said());
            }
            ensure!(Instant::now() < deadline, "the server was not ready after {} s:\n{}", START.as_secs(), said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs terraform as anyone would, without whatever else this shell has set for it.
    fn terraform(&self, configuration: &Path, arguments: &[&str]) -> Result<()> {
        println!("\n$ terraform {}", arguments.join(" "));
        let mut command = Command::new("terraform");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TF_")) {
            command.env_remove(name);
        }
        command.env("TF_CLI_CONFIG_FILE", self.facts.text("cli_config")?).current_dir(configuration).args(arguments);
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
                self.log.display()
            );
        };
        ensure!(status.success(), "terraform {} failed; the server's log is {}", arguments[0], self.log.display());
        Ok(())
    }

    fn tell(&self, configuration: &Path, took: Duration) {
        let text = |name| self.facts.text(name).unwrap_or("-");
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
        println!("  log            {}", self.log.display());
    }
}

fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:8080").or_else(|_| TcpListener::bind("127.0.0.1:0"));
    Ok(listener.context("no port is free")?.local_addr()?.to_string())
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|metadata| metadata.modified()).ok()
}

/// Reads the facts once this server has written them; those of an earlier one do not count.
fn new_facts(file: &Path, before: Option<SystemTime>) -> Option<Facts> {
    let now = modified(file).filter(|now| Some(*now) != before);
    now.and_then(|_| serde_json::from_str(&fs::read_to_string(file).ok()?).ok()).map(Facts)
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

    #[test]
    fn old_and_half_written_facts_do_not_count() {
        let folder = Folder::create("terrane-xtask-facts").unwrap();
        let file = folder.path().join("dev.json");
        fs::write(&file, "{").unwrap();
        assert!(new_facts(&file, None).is_none());
        fs::write(&file, "{}").unwrap();
        assert!(new_facts(&file, None).is_some());
        assert!(new_facts(&file, modified(&file)).is_none());
    }
}
