//! Signed addresses: for uploads, downloads and logs that clients reach without a token.
//!
//! The secret is in the path, because clients replace the query. It is bound to method, purpose, resource, subject and
//! expiry, each with its length in front, so that no two addresses share a signature. Such a path is never logged.

use std::time::Duration;

use subtle::ConstantTimeEq as _;
use terrane_domain::access::Caller;
use terrane_domain::time::Timestamp;
use terrane_store::hex;

use crate::{App, AppError, AppResult};

/// How long an address for uploads lives.
pub(crate) const UPLOAD_TIME: Duration = Duration::from_hours(1);

words! {
    /// What an address is good for.
    pub enum Purpose {
        /// PUT of a configuration archive.
        ConfigurationUpload = "configuration-upload",
        /// GET of a configuration archive.
        ConfigurationDownload = "configuration-download",
        /// GET of a phase's log.
        Log = "log",
        /// GET of a raw state.
        StateDownload = "state-download",
        /// GET of a state's JSON form.
        JsonStateDownload = "json-state-download",
        /// PUT of a raw state.
        StateUpload = "state-upload",
        /// PUT of a state's JSON form.
        JsonStateUpload = "json-state-upload",
        /// GET of a plan as JSON.
        JsonPlan = "json-plan",
        /// GET of the raw state that an apply left.
        ErroredState = "errored-state",
    }
}

use terrane_domain::words;

impl Purpose {
    /// The one method that the address takes.
    pub const fn method(self) -> &'static str {
        match self {
            Self::ConfigurationUpload | Self::StateUpload | Self::JsonStateUpload => "PUT",
            _ => "GET",
        }
    }

    /// How long the address lives; a log's lives as long as its phase and one hour more.
    const fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Log => None,
            Self::JsonPlan | Self::ErroredState => Some(Duration::from_mins(1)),
            Self::ConfigurationDownload | Self::StateDownload | Self::JsonStateDownload => {
                Some(Duration::from_mins(15))
            }
            Self::ConfigurationUpload | Self::StateUpload | Self::JsonStateUpload => Some(UPLOAD_TIME),
        }
    }
}

/// The parts of a signed path: `/blobs/PURPOSE/RESOURCE/SUBJECT/EXPIRY/SIGNATURE`.
#[derive(Clone)]
pub struct SignedPath {
    /// What it is good for.
    pub purpose: String,
    /// Id of the thing.
    pub resource: String,
    /// Who got it.
    pub subject: String,
    /// Seconds since 1970, 0 for "as long as the phase".
    pub expiry: String,
    /// The signature in hexadecimal.
    pub signature: String,
}

fn signature(app: &App, purpose: Purpose, resource: &str, subject: &str, expiry: &str) -> String {
    hex(&app.signing_key.authenticate(&[
        purpose.method().as_bytes(),
        purpose.as_str().as_bytes(),
        resource.as_bytes(),
        subject.as_bytes(),
        expiry.as_bytes(),
    ]))
}

/// Makes the address of `resource` for `caller`.
pub fn sign(app: &App, caller: &Caller, purpose: Purpose, resource: &str) -> String {
    let expiry = purpose.lifetime().map_or(0, |lifetime| app.store.now().plus(lifetime).as_seconds()).to_string();
    let subject = caller.actor().rsplit(' ').next().unwrap_or("nobody").to_owned();
    let signature = signature(app, purpose, resource, &subject, &expiry);
    format!("{}/blobs/{purpose}/{resource}/{subject}/{expiry}/{signature}", app.public_url())
}

/// What a good address gives: the resource, and who got the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it is good for.
    pub purpose: Purpose,
    /// Id of the thing.
    pub resource: String,
    /// Who got it, for the event.
    pub subject: String,
}

/// Judges an address; a bad one looks missing.
pub fn verify(app: &App, method: &str, path: &SignedPath) -> AppResult<Grant> {
    let purpose: Purpose = path.purpose.parse().map_err(|_| AppError::NotFound)?;
    let wanted = signature(app, purpose, &path.resource, &path.subject, &path.expiry);
    let is_signed: bool = wanted.as_bytes().ct_eq(path.signature.as_bytes()).into();
    let expiry: i64 = path.expiry.parse().map_err(|_| AppError::NotFound)?;
    let is_alive = match purpose.lifetime() {
        None => expiry == 0,
        Some(_) => Timestamp::from_micros(expiry.saturating_mul(1_000_000)) > app.store.now(),
    };
    if is_signed && is_alive && method == purpose.method() {
        Ok(Grant { purpose, resource: path.resource.clone(), subject: path.subject.clone() })
    } else {
        Err(AppError::NotFound)
    }
}
