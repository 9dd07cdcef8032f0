//! What can go wrong in the store.

/// A failure of the store. Its text is for the server's log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique column already holds the value.
    #[error("the value is taken already")]
    Taken,
    /// The database refused or failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// The commit failed. SQLite has then stored nothing; of a PostgreSQL that cannot be reached any more nobody knows.
    #[error("the transaction could not be committed: {0}")]
    Commit(String),
    /// A migration is missing, or the database is newer than this program.
    #[error("{0}")]
    Migration(String),
    /// A sealed value does not open: altered, moved, or sealed with another key.
    #[error("a sealed value of {0} does not open: it was altered, moved, or sealed with another root key")]
    Sealed(&'static str),
    /// The root key file is not what it should be.
    #[error("{0}")]
    RootKey(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The path.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such blob.
    #[error("there is no blob {0}")]
    BlobMissing(String),
    /// The store is shutting down.
    #[error("the store is shutting down")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Whether what was to be written may be there all the same.
    pub const fn may_be_committed(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::Closed)
    }

    pub(crate) fn statement_failed() -> Self {
        Self::Commit("one of its statements had failed".to_owned())
    }

    pub(crate) fn file(path: impl Into<std::path::PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
