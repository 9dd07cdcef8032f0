//! The two databases behind one type: opening, pools, transactions.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::error::StoreError;
use crate::readers::Readers;
use crate::sqlite::Sqlite;
use crate::transaction::Connection;
use crate::writer::Writer;

/// A database that was opened, before its schema is up to date.
pub(crate) enum Opened {
    Sqlite {
        /// Connections that only read.
        readers: Readers,
        /// The one connection that writes.
        writer: Sqlite,
    },
    Postgres(PgPool),
}

/// A database in use.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite { readers: Readers, writer: Writer },
    Postgres(PgPool),
}

const POSTGRES_CONNECTIONS: u32 = 16;

impl Opened {
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
        let path = Path::new(url.strip_prefix("sqlite:").unwrap_or(url));
        let writer = Sqlite::open(path)?;
        Ok(Self::Sqlite { readers: Readers::open(path)?, writer })
    }
}

impl Database {
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
