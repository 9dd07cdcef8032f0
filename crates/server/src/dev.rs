//! What `terrane dev` tells people and scripts: `dev.json`, a CLI configuration for terraform, and the greeting.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use terrane_domain::discovery::{cli_configuration, host_of};

use crate::configuration::Settings;
use crate::files;

/// What the application made for its demo; it comes from there, because it is stored there.
pub(crate) struct DevFacts {
    /// Name of the demo organization.
    pub(crate) organization: String,
    /// Name of the admin user.
    pub(crate) user: String,
    /// Their password, unless they have chosen another.
    pub(crate) password: Option<Password>,
    /// Their API token.
    pub(crate) token: String,
    /// Opens a signed-in browser session once.
    pub(crate) sign_in_url: String,
}

/// A password that is known to be right.
pub(crate) struct Password {
    /// The password.
    pub(crate) text: String,
    /// What it was checked for; see [`terrane_app::bootstrap::DevPassword`].
    pub(crate) checked_for: String,
}

/// `dev.json`.
#[derive(Serialize)]
struct Document<'a> {
    address: &'a str,
    organization: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_checked_for: Option<&'a str>,
    token: &'a str,
    cli_config: &'a Path,
    sign_in_url: &'a str,
}

fn json_path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("dev.json")
}

fn cli_config_path(settings: &Settings) -> PathBuf {
    settings.data_dir.join("dev.tfrc")
}

/// What an earlier start wrote: it is kept while it is valid, because scripts hold it.
#[derive(Default, Deserialize)]
pub(crate) struct Previous {
    /// The API token.
    pub(crate) token: Option<String>,
    /// The password.
    pub(crate) password: Option<String>,
    /// What it was checked for.
    pub(crate) password_checked_for: Option<String>,
}

/// Reads what an earlier start wrote; nothing, if that cannot be read.
pub(crate) fn previous(settings: &Settings) -> Previous {
    let text = std::fs::read(json_path(settings)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Writes `dev.json` and the CLI configuration. The latter first: who sees `dev.json` may use both.
pub(crate) fn write(settings: &Settings, facts: &DevFacts) -> anyhow::Result<()> {
    let address = settings.public_url();
    let cli_config = cli_config_path(settings);
    files::replace(&cli_config, cli_configuration(&address, &[], &facts.token).as_bytes(), files::PRIVATE)
        .with_context(|| format!("write {}", cli_config.display()))?;
    let document = Document {
        address: &address,
        organization: &facts.organization,
        user: &facts.user,
        password: facts.password.as_ref().map(|password| password.text.as_str()),
        password_checked_for: facts.password.as_ref().map(|password| password.checked_for.as_str()),
        token: &facts.token,
        cli_config: &cli_config,
        sign_in_url: &facts.sign_in_url,
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    let path = json_path(settings);
    files::replace(&path, &text, files::PRIVATE).with_context(|| format!("write {}", path.display()))
}

/// Greets the user on standard output.
pub(crate) fn greet(settings: &Settings, facts: &DevFacts) {
    // Whoever closed standard output does not want to read this; that is no reason to stop.
    let _ = io::stdout().lock().write_all(greeting(settings, facts).as_bytes());
}

fn greeting(settings: &Settings, facts: &DevFacts) -> String {
    let address = settings.public_url();
    let mut text = format!("Terrane {} is ready at {address}\n", env!("CARGO_PKG_VERSION"));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n  Sign in     {}", facts.sign_in_url);
    if let Some(password) = &facts.password {
        let _ = writeln!(text, "              or as {} with the password {}", facts.user, password.text);
    }
    let _ = write!(
        text,
        "  Terraform   export TF_CLI_CONFIG_FILE={}\n              cloud {{ hostname = \"{}\", organization = \"{}\" }}\n  Scripts     {}\n",
        cli_config_path(settings).display(),
        host_of(&address),
        facts.organization,
        json_path(settings).display(),
    );
    let _ = write!(text, "  Data        {}\n  Stop        Ctrl-C\n\n", settings.data_dir.display());
    text
}
