//! The one error of the services; each front door turns it into its own answer in one place.

use terrane_domain::invalid::Invalid;
use terrane_domain::runner_protocol::Refusal;
use terrane_store::StoreError;

/// Why a service refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no such thing, or the caller may not know of it.
    #[error("not found")]
    NotFound,
    /// The credential is missing, malformed, expired or revoked.
    #[error("unauthorized")]
    Unauthorized,
    /// What is wanted can be seen, but not done: for the few calls of which clients know it.
    #[error("{0}")]
    Forbidden(String),
    /// The thing is in a state that does not allow this. The text is for people and for clients that search it.
    #[error("{0}")]
    Conflict(String),
    /// A value is wrong.
    #[error("{detail}")]
    Invalid {
        /// JSON pointer into the request, for example `/data/attributes/name`.
        pointer: Option<String>,
        /// What is wrong and what would be right.
        detail: String,
    },
    /// The request as a whole makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// More bytes than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// Too many tries; the next one may be made in so many seconds.
    #[error("too many tries; wait {0} seconds and try again")]
    TooManyTries(u64),
    /// Not yet; try again.
    #[error("{0}")]
    Unavailable(String),
    /// A runner's call is refused.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Nul => Self::BadRequest(
                "A text of the request has a NUL character (U+0000), which cannot be stored; leave it out".to_owned(),
            ),
            StoreError::Busy => Self::Unavailable(
                "Other requests kept changing the same things at the same time, so this one changed nothing; try again"
                    .to_owned(),
            ),
            other => Self::Store(other),
        }
    }
}

impl AppError {
    /// Turns the store's refusal of a value that others have into the error of an attribute; other errors stay.
    pub(crate) fn if_taken(attribute: &str, detail: &str) -> impl FnOnce(StoreError) -> Self {
        move |error| match error {
            StoreError::Taken => Self::invalid(attribute, detail),
            other => other.into(),
        }
    }

    /// A wrong relation of a request document.
    pub fn invalid_relation(name: &str, detail: impl Into<String>) -> Self {
        Self::Invalid { pointer: Some(format!("/data/relationships/{name}/data")), detail: detail.into() }
    }

    /// A wrong attribute of a request document.
    pub fn invalid(attribute: &str, detail: impl Into<String>) -> Self {
        Self::Invalid { pointer: Some(format!("/data/attributes/{attribute}")), detail: detail.into() }
    }
}

impl From<Invalid> for AppError {
    fn from(error: Invalid) -> Self {
        Self::invalid(error.attribute, error.detail)
    }
}

/// What services answer.
pub type AppResult<T> = Result<T, AppError>;
