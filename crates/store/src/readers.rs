//! SQLite's connections that only read.
//!
//! Each call to such a connection is a hop to its thread and back, which costs more than most statements. So the
//! transaction begins in the same hop as its first statement, and nobody waits for its end. (The pool of sqlx makes
//! three more hops for each transaction: BEGIN, ROLLBACK and a ping.)

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, SqlSafeStr as _, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::StoreError;
use crate::statement::Statement;

/// Most transactions that read at the same time.
const CONNECTIONS: usize = 4;

/// The connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    options: Arc<SqliteConnectOptions>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
    permits: Arc<Semaphore>,
}

/// A connection for one transaction. It goes back when this is dropped, at whatever point that happens.
pub(crate) struct Reader {
    connection: Option<SqliteConnection>,
    readers: Readers,
    has_begun: bool,
    /// A connection that failed is not used again.
    pub(crate) has_failed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Opens the first connection; the others are opened when they are needed.
    pub(crate) async fn open(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let first = options.connect().await?;
        Ok(Self {
            options: Arc::new(options),
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
            None => self.options.connect().await?,
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
    /// The connection, and what `statement` has to say on it.
    pub(crate) fn next(
        &mut self,
        statement: &'static Statement,
    ) -> Result<(&mut SqliteConnection, &'static str), sqlx::Error> {
        let text = if self.has_begun { statement.text() } else { statement.first_text() };
        self.has_begun = true;
        Ok((self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?, text))
    }
}

impl Reader {
    /// Prepares a statement without running it.
    pub(crate) async fn prepare(&mut self, statement: &'static Statement) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        connection.prepare(statement.text().into_sql_str()).await.map(drop)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take().filter(|_| !self.has_failed) else { return };
        if self.has_begun {
            // One poll puts it into the queue of the connection's thread, before all that comes later.
            let _ = connection.execute(sqlx::query("ROLLBACK")).now_or_never();
        }
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
