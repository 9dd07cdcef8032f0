//! What can go wrong in the store.

/// A failure of the store. Its text is for the server's log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique column already holds the value.
    #[error("the value is taken already")]
    Taken,
    /// The database refused or failed.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A column holds what this program does not know: something else wrote it.
    #[error("a column cannot be read: {0}")]
    Column(String),
    /// The database chose this transaction to give way to another that changes the same rows. Nothing is written.
    #[error("other transactions kept changing the same rows at the same time")]
    Busy,
    /// A statement that writes, in a transaction that only reads.
    #[error("a transaction that only reads cannot write")]
    OnlyReads,
    /// A text has a NUL. PostgreSQL has none in its texts; SQLite would take it, and is not asked, so that both are alike.
    #[error("a text has a NUL character (U+0000), which cannot be stored")]
    Nul,
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
            // Deadlock detected, and serialization failure.
            sqlx::Error::Database(inner) if matches!(inner.code().as_deref(), Some("40P01" | "40001")) => Self::Busy,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Column(error.to_string()),
            _ => Self::Database(Box::new(error)),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        match error.sqlite_error().map(|inner| inner.extended_code) {
            Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE) => Self::Taken,
            _ => Self::Database(Box::new(error)),
        }
    }
}

impl StoreError {
    /// Whether what is stored, or was to be, is at fault: the same work meets the same error, however often it is tried.
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Sealed(_) | Self::BlobMissing(_) | Self::Column(_) | Self::Nul)
    }

    /// Whether what was to be written may be there all the same.
    pub const fn may_be_committed(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::Closed)
    }

    pub(crate) fn column(error: impl std::fmt::Display) -> Self {
        Self::Column(error.to_string())
    }

    pub(crate) fn statement_failed() -> Self {
        Self::Commit("one of its statements had failed".to_owned())
    }

    pub(crate) fn file(path: impl Into<std::path::PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
