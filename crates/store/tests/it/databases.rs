//! The databases that the cases run on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use terrane_domain::time::Timestamp;
use terrane_store::{Clock, Key, Store, StoreError, StoreOptions};

use crate::postgres;

/// A clock that stands still until it is set.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// One case's database and the store on it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) is_postgres: bool,
    url: String,
}

impl Bench {
    async fn new(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_postgres = url.is_some();
        let url = url.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("terrane.db").display()));
        let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000_000)));
        let store = Store::open(options(&url, folder.path().join("blobs"), clock.clone())).await.unwrap();
        Self { store, clock, folder, is_postgres, url }
    }

    /// A second store on the same database and blobs, as another process would have it.
    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Store::open(options(&self.url, self.blob_folder(), self.clock.clone())).await
    }

    pub(crate) fn blob_folder(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    /// Runs statements past the store.
    pub(crate) async fn raw(&self, sql: &str) -> Result<(), Box<dyn std::error::Error>> {
        if self.is_postgres {
            let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
            PgConnection::connect(&self.url).await?.execute(sql).await?;
        } else {
            self.sqlite().execute_batch(sql)?;
        }
        Ok(())
    }

    /// Reads one column of text past the store.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        if self.is_postgres {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap()
        } else {
            let connection = self.sqlite();
            let mut statement = connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        }
    }

    fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.url.strip_prefix("sqlite:").unwrap()).unwrap()
    }
}

fn options(url: &str, blob_folder: PathBuf, clock: Arc<TestClock>) -> StoreOptions {
    StoreOptions { database_url: url.to_owned(), blob_folder, root_key: Key::from_bytes([7; 32]), clock }
}

/// Runs `case` on a fresh database of each kind that is at hand.
pub(crate) async fn each(case: impl AsyncFn(&Bench)) {
    postgres::each(async |url| case(&Bench::new(url).await).await).await;
}
