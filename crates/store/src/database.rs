//! The two databases behind one type: opening, pools, transactions.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::error::StoreError;
use crate::readers::Readers;
use crate::transaction::Connection;

/// An open database.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite {
        /// Connections that only read.
        readers: Readers,
        /// The one connection that writes; the writer task keeps it.
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

const POSTGRES_CONNECTIONS: u32 = 16;

impl Database {
    /// Opens `sqlite:PATH` or `postgres://...`; makes the SQLite file if it is missing.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)?;
            let pool = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(Duration::from_secs(5))
                .connect_with(options)
                .await?;
            return Ok(Self::Postgres(pool));
        }
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        let options = SqliteConnectOptions::new()
            .filename(Path::new(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("temp_store", "memory")
            .statement_cache_capacity(256);
        // A file does not hang up: no ping at each use, no closing and opening again.
        let pool = SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let writer = pool.max_connections(1).connect_with(options.clone()).await?;
        let readers = Readers::open(options.pragma("query_only", "on")).await?;
        Ok(Self::Sqlite { readers, writer })
    }

    /// Begins a transaction that only reads and sees one moment.
    pub(crate) async fn begin_read(&self) -> Result<Connection, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Connection::SqliteReader(readers.acquire().await?),
            Self::Postgres(pool) => Connection::PostgresTransaction(
                pool.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        })
    }
}
