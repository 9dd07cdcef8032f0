//! What `terrane serve` tells whoever started it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::configuration::Settings;

/// Greets on standard output. The link of the set-up is in no log and in no file.
pub(crate) fn greet(settings: &Settings, set_up_url: Option<&str>) {
    // Whoever closed standard output does not want to read this; that is no reason to stop.
    let _ = io::stdout().lock().write_all(greeting(settings, set_up_url).as_bytes());
}

fn greeting(settings: &Settings, set_up_url: Option<&str>) -> String {
    let mut text = format!("Terrane {} is ready at {}\n", env!("CARGO_PKG_VERSION"), settings.public_url());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n  Listens     {}", settings.listen);
    let _ = writeln!(text, "  Data        {}", settings.data_dir.display());
    if let Some(url) = set_up_url {
        let _ = writeln!(
            text,
            "  Set up      {url}\n              (makes the first account; works once, within 30 minutes)"
        );
    }
    text.push('\n');
    text
}
