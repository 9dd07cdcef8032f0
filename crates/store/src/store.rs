//! The store itself: opening, reading, writing.

use std::any::Any;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::PgPool;
use terrane_domain::time::Timestamp;

use crate::clock::Clock;
use crate::database::{Database, Opened};
use crate::error::StoreError;
use crate::keys::Keys;
use crate::migrations::migrate;
use crate::sealing::Key;
use crate::transaction::{Connection, Tx};
use crate::wake::{Waiter, Wakes};
use crate::writer::{self, Panicked, Writer};

/// How often a write is begun on PostgreSQL before its caller is told that others were in its way.
const ATTEMPTS: u32 = 4;
/// How long a write waits before it is begun for the second time, and as much longer each time after: begun at once, it
/// could take the row again for which the other still waits to be woken.
const PAUSE: Duration = Duration::from_millis(25);

/// What a store needs to open.
pub struct StoreOptions {
    /// `sqlite:PATH` or `postgres://...`.
    pub database_url: String,
    /// Folder for blobs.
    pub blob_folder: PathBuf,
    /// The key above all others.
    pub root_key: Key,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// Rows and blobs. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wakes: Wakes,
    statements: Arc<AtomicU64>,
    pub(crate) blob_folder: Arc<PathBuf>,
    /// Folders of blobs whose own entries this process has synced.
    pub(crate) durable_folders: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Store {
    /// Opens the database, brings its schema up to date, and starts the writer.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let opened = Opened::open(&options.database_url).await?;
        migrate(&opened).await?;
        crate::blobs::create_root(&options.blob_folder)?;
        let keys = Arc::new(Keys::new(options.root_key));
        let wakes = Wakes::default();
        let statements = Arc::<AtomicU64>::default();
        let database = match opened {
            Opened::Sqlite { readers, writer } => {
                let state = writer::State {
                    keys: keys.clone(),
                    clock: options.clock.clone(),
                    wakes: wakes.clone(),
                    statements: statements.clone(),
                };
                Database::Sqlite { readers, writer: Writer::start(writer, state)? }
            }
            Opened::Postgres(pool) => Database::Postgres(pool),
        };
        let blob_folder = Arc::new(options.blob_folder);
        let durable_folders = Arc::default();
        Ok(Self { database, keys, clock: options.clock, wakes, statements, blob_folder, durable_folders })
    }

    /// The present moment, for leases and queues.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How many statements were run through this store, BEGIN and COMMIT not counted: for tests that a request's
    /// statements do not grow with its rows.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// A key for one purpose of the whole server.
    pub fn derive_key(&self, purpose: &str) -> Key {
        self.keys.derive(purpose)
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.read(|tx| Box::pin(async move { crate::organizations::by_name(tx, "").await.map(drop) })).await
    }

    /// Registers a waiter for a topic; see [`Wakes::waiter`].
    pub fn waiter(&self, topic: crate::wake::Topic) -> Waiter {
        self.wakes.waiter(topic)
    }

    /// Grows with each transaction of this process that removed tokens, before its caller hears of it: what was found
    /// out about a token earlier need not be true any more.
    pub fn token_removals(&self) -> u64 {
        self.wakes.token_removals()
    }

    /// Reads: everything in `work` sees one moment.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let connection = self.database.begin_read().await?;
        let mut tx = Tx::new(connection, self.keys.clone(), self.now(), self.statements.clone());
        let result = work(&mut tx).await;
        // Nothing was written: ending the transaction either way only gives the connection back.
        match tx.connection {
            Connection::PostgresTransaction(tx) => tx.rollback().await.map_err(StoreError::from)?,
            Connection::SqliteReader(_) | Connection::SqliteWriter(_) => {}
        }
        result
    }

    /// Writes: `work` is all or nothing, and durable when this returns `Ok`. Nothing but the transaction may be
    /// awaited inside it. A statement that failed fails the whole, even if `work` carries on. On PostgreSQL `work` is
    /// begun anew, a few times, where the database undid it in favour of another transaction: beside its transaction it
    /// has no effect. [`StoreError::Busy`] says that it never came through.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Clone + Send + 'static,
    {
        match &self.database {
            Database::Postgres(pool) => {
                for attempt in 0..ATTEMPTS {
                    if attempt > 0 {
                        tokio::time::sleep(PAUSE * attempt).await;
                    }
                    if let Some(value) = self.attempt(pool, work.clone()).await? {
                        return Ok(value);
                    }
                }
                Err(StoreError::Busy.into())
            }
            Database::Sqlite { writer, .. } => {
                let outcome = writer
                    .submit(Box::new(move |tx| {
                        Box::pin(async move {
                            match work(tx).await {
                                Ok(value) => Ok(Box::new(value) as Box<dyn Any + Send>),
                                Err(error) => Err(Box::new(error) as Box<dyn Any + Send>),
                            }
                        })
                    }))
                    .await?;
                match outcome {
                    Ok(value) => Ok(downcast(value)),
                    Err(error) => match error.downcast::<Panicked>() {
                        Ok(panic) => std::panic::resume_unwind(panic.0),
                        Err(error) => Err(downcast(error)),
                    },
                }
            }
        }
    }

    /// One try of a write on PostgreSQL; `None` if the database made it give way.
    async fn attempt<T, E, F>(&self, pool: &PgPool, work: F) -> Result<Option<T>, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>>,
    {
        let transaction = pool.begin().await.map_err(StoreError::from)?;
        let connection = Connection::PostgresTransaction(transaction);
        let mut tx = Tx::new(connection, self.keys.clone(), self.now(), self.statements.clone());
        let result = work(&mut tx).await;
        let Connection::PostgresTransaction(transaction) = tx.connection else { return result.map(Some) };
        if result.is_err() || tx.failed {
            transaction.rollback().await.map_err(StoreError::from)?;
            if tx.gave_way {
                return Ok(None);
            }
            return result.and(Err(StoreError::statement_failed().into()));
        }
        transaction.commit().await.map_err(|error| StoreError::Commit(error.to_string()))?;
        for topic in &tx.wakes {
            self.wakes.wake(topic);
        }
        result.map(Some)
    }
}

/// The writer hands back the very value that the closure above put in.
fn downcast<T: 'static>(value: Box<dyn Any + Send>) -> T {
    *value.downcast::<T>().unwrap_or_else(|_| unreachable!("the writer answered with another closure's value"))
}
