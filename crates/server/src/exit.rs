//! Exit codes, and the last words of a process that ends with one.
//!
//! The supervisor does not start a child again that ended with one of [`FINAL_CODES`]: starting it again would end the same
//! way, so it ends itself with the same code.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// Something failed that may go better next time.
pub(crate) const FAILURE: u8 = 1;
/// A setting is wrong.
pub(crate) const CONFIGURATION: u8 = 2;
/// The address or the data folder is in use.
pub(crate) const IN_USE: u8 = 3;
/// The disk is full, broken or read-only (`EX_IOERR` of sysexits).
pub(crate) const DISK: u8 = 74;

/// Codes after which nothing is started again.
pub(crate) const FINAL_CODES: [u8; 3] = [CONFIGURATION, IN_USE, DISK];

/// An error that another start would only repeat. The text says what to do.
#[derive(Debug)]
pub(crate) enum Fatal {
    /// A setting is wrong.
    Configuration(String),
    /// The address or the data folder is in use.
    InUse(String),
    /// The disk is full, broken or read-only.
    Disk(String),
}

impl fmt::Display for Fatal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Configuration(text) | Self::InUse(text) | Self::Disk(text)) = self;
        formatter.write_str(text)
    }
}

impl std::error::Error for Fatal {}

/// Says on standard error why the process ends and yields the code that goes with it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("terrane: {error:#}");
    ExitCode::from(code_of(error))
}

/// The exit code for `error`: that of the first cause which has one.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of_cause).unwrap_or(FAILURE)
}

fn code_of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(fatal) = cause.downcast_ref::<Fatal>() {
        return Some(match fatal {
            Fatal::Configuration(_) => CONFIGURATION,
            Fatal::InUse(_) => IN_USE,
            Fatal::Disk(_) => DISK,
        });
    }
    let disk = matches!(
        cause.downcast_ref::<io::Error>()?.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::QuotaExceeded
    );
    disk.then_some(DISK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_code_is_found_under_layers_of_context() {
        let full = Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull)).context("write").context("start");
        assert_eq!(code_of(&full.unwrap_err()), DISK);
        let used = Err::<(), _>(Fatal::InUse("busy".to_owned())).context("start");
        assert_eq!(code_of(&used.unwrap_err()), IN_USE);
        assert_eq!(code_of(&anyhow::anyhow!("other")), FAILURE);
    }
}
