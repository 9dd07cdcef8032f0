//! One transaction, the only way to the tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Encode, Executor, Postgres, Transaction, Type};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::keys::Keys;
use crate::readers::Reader;
use crate::sqlite::Sqlite;
use crate::statement::{MANY, Record, Statement};
use crate::value::{Row, Val};

/// What a transaction runs on.
pub(crate) enum Connection {
    /// The writer's connection: the writer begins and commits.
    SqliteWriter(Sqlite),
    /// Begins with its first statement and ends when it is dropped.
    SqliteReader(Reader),
    PostgresTransaction(Transaction<'static, Postgres>),
}

/// One transaction. Nothing but calls of its methods may be awaited while it is open.
pub struct Tx {
    pub(crate) connection: Connection,
    pub(crate) keys: Arc<Keys>,
    pub(crate) now: Timestamp,
    pub(crate) statements: Arc<AtomicU64>,
    pub(crate) wakes: Vec<crate::wake::Topic>,
    /// A statement failed. PostgreSQL then answers COMMIT with a rollback and no error, so nothing may be committed
    /// any more; the same holds on SQLite, so that both databases behave alike.
    pub(crate) failed: bool,
    /// It failed only because it met another transaction: it can be repeated.
    pub(crate) gave_way: bool,
}

/// A NULL of no type: PostgreSQL takes the column's.
struct UntypedNull;

impl Type<Postgres> for UntypedNull {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        sqlx::postgres::PgTypeInfo::with_oid(sqlx::postgres::types::Oid(0))
    }
}

impl Encode<'_, Postgres> for UntypedNull {
    fn encode_by_ref(
        &self,
        _buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        Ok(sqlx::encode::IsNull::Yes)
    }
}

fn postgres_query(text: &'static str, values: Vec<Val>) -> Query<'static, Postgres, PgArguments> {
    values.into_iter().fold(sqlx::query(text), |query, value| match value {
        Val::Null => query.bind(UntypedNull),
        Val::Text(text) => query.bind(text),
        Val::Int(number) => query.bind(number),
        Val::Bool(flag) => query.bind(flag),
        Val::Bytes(bytes) => query.bind(bytes),
    })
}

impl Tx {
    /// `statements` counts what is run.
    pub(crate) const fn new(
        connection: Connection,
        keys: Arc<Keys>,
        now: Timestamp,
        statements: Arc<AtomicU64>,
    ) -> Self {
        Self { connection, keys, now, statements, wakes: Vec::new(), failed: false, gave_way: false }
    }

    /// The moment at which this transaction began, by the store's clock.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Wakes `topic`'s waiters once the transaction is committed.
    pub fn wake(&mut self, topic: crate::wake::Topic) {
        if !self.wakes.contains(&topic) {
            self.wakes.push(topic);
        }
    }

    /// Counts a statement, unless one of its values is nothing that both databases can hold.
    fn begin_statement(&mut self, values: &[Val]) -> Result<(), StoreError> {
        if values.iter().any(|value| matches!(value, Val::Text(text) if text.contains('\0'))) {
            self.failed = true;
            return Err(StoreError::Nul);
        }
        self.statements.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn note_failure<T>(&mut self, outcome: &Result<T, StoreError>) {
        self.failed |= outcome.is_err();
        self.gave_way |= matches!(outcome, Err(StoreError::Busy));
    }

    pub(crate) async fn rows(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<Vec<Row>, StoreError> {
        self.begin_statement(&values)?;
        let rows = match &mut self.connection {
            Connection::SqliteWriter(connection) => connection.rows(statement, &values),
            Connection::SqliteReader(reader) => reader.rows(statement, &values),
            Connection::PostgresTransaction(connection) => {
                match connection.fetch_all(postgres_query(statement.text(), values)).await {
                    Ok(rows) => Ok(rows.into_iter().map(Row::Postgres).collect()),
                    Err(error) => Err(error.into()),
                }
            }
        };
        self.note_failure(&rows);
        rows
    }

    /// The rows' count that the statement changed.
    pub(crate) async fn execute(&mut self, statement: &'static Statement, values: Vec<Val>) -> Result<u64, StoreError> {
        self.begin_statement(&values)?;
        let changed = match &mut self.connection {
            Connection::SqliteWriter(connection) => connection.execute(statement, &values),
            Connection::SqliteReader(_) => Err(StoreError::OnlyReads),
            Connection::PostgresTransaction(connection) => {
                match connection.execute(postgres_query(statement.text(), values)).await {
                    Ok(done) => Ok(done.rows_affected()),
                    Err(error) => Err(error.into()),
                }
            }
        };
        self.note_failure(&changed);
        changed
    }

    /// Inserts a record by its own statement; its last value may have many megabytes.
    pub(crate) async fn insert_long<R: Record>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<(), StoreError> {
        let Connection::SqliteWriter(_) = &self.connection else {
            return self.execute(statement, values).await.map(drop);
        };
        self.begin_statement(&values)?;
        let Connection::SqliteWriter(connection) = &mut self.connection else { return Err(StoreError::OnlyReads) };
        let column = R::COLUMNS.rsplit(", ").next().unwrap_or_default();
        let inserted = connection.insert_long(statement, &values, R::TABLE, column);
        self.failed |= inserted.is_err();
        inserted.map(drop)
    }

    pub(crate) async fn all<R: Record>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<Vec<R>, StoreError> {
        let rows = self.rows(statement, values).await?;
        rows.iter().map(R::from_row).collect()
    }

    pub(crate) async fn one<R: Record>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.all(statement, values).await?.pop())
    }

    /// The records that a `select_many` finds for `keys`, in no order: [`MANY`] keys in each statement, so that their
    /// number is a twentieth of the keys'.
    pub(crate) async fn many<R: Record, K: crate::value::Col>(
        &mut self,
        statement: &'static Statement,
        keys: &[&K],
    ) -> Result<Vec<R>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MANY) {
            let mut values: Vec<Val> = keys.iter().map(|key| key.val()).collect();
            values.resize(MANY, Val::Null);
            found.extend(self.all(statement, values).await?);
        }
        Ok(found)
    }

    /// The first column of the first row.
    pub(crate) async fn scalar<C: crate::value::Col>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<Option<C>, StoreError> {
        let rows = self.rows(statement, values).await?;
        rows.first().map(|row| C::get(row, 0)).transpose()
    }

    /// Whether a conditional change found its row.
    pub(crate) async fn changed(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(statement, values).await? == 1)
    }
}

/// `values![a, b]` makes the values for `$1, $2`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Col::val(&$value)),*] };
}
pub(crate) use values;
