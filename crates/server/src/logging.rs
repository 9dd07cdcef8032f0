//! The log of a child, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::configuration::{LogFormat, Settings};
use crate::exit::Fatal;

/// Starts logging as the settings want it.
pub(crate) fn start(settings: &Settings) -> Result<(), Fatal> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| Fatal::Configuration(format!("--log {} is not a log filter: {error}", settings.log)))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let result = match settings.log_format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    result.map_err(|error| Fatal::Configuration(format!("the log cannot be started: {error}")))
}
