//! SQLite's connections that only read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::StoreError;
use crate::sqlite::Sqlite;
use crate::statement::Statement;
use crate::value::{Row, Val};

/// Most transactions that read at the same time.
const CONNECTIONS: usize = 4;

/// The connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<Path>,
    idle: Arc<Mutex<Vec<Sqlite>>>,
    permits: Arc<Semaphore>,
}

/// A connection for one transaction, which begins with its first statement. It goes back when this is dropped, at
/// whatever point that happens.
pub(crate) struct Reader {
    connection: Option<Sqlite>,
    readers: Readers,
    has_begun: bool,
    /// A connection that failed is not used again.
    has_failed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first connection; the others are opened when they are needed.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let first = Sqlite::open(path)?.only_read()?;
        Ok(Self {
            path: path.into(),
            idle: Arc::new(Mutex::new(vec![first])),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// A connection of one's own, as soon as one is free.
    pub(crate) async fn acquire(&self) -> Result<Reader, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Sqlite::open(&self.path)?.only_read()?,
        };
        Ok(Reader {
            connection: Some(connection),
            readers: self.clone(),
            has_begun: false,
            has_failed: false,
            _permit: permit,
        })
    }
}

impl Reader {
    /// The rows that a statement finds.
    pub(crate) fn rows(&mut self, statement: &'static Statement, values: &[Val]) -> Result<Vec<Row>, StoreError> {
        let connection = self.connection.as_ref().ok_or(StoreError::Closed)?;
        if !self.has_begun {
            connection.control("BEGIN")?;
            self.has_begun = true;
        }
        let rows = connection.rows(statement, values);
        self.has_failed |= rows.is_err();
        rows
    }

    /// Prepares a statement without running it.
    pub(crate) fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        self.connection.as_ref().ok_or(StoreError::Closed)?.prepare(statement)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| !self.has_failed) else { return };
        if self.has_begun && connection.control("ROLLBACK").is_err() {
            return;
        }
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
