//! One connection to SQLite, which answers where one stands: no thread, no channel, nothing to await.

use std::path::Path;
use std::time::Duration;

use rusqlite::blob::ZeroBlob;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, MAIN_DB, ToSql};

use crate::error::StoreError;
use crate::statement::Statement;
use crate::value::{Row, Val};

/// How long a statement waits for another process that has the file, for example one that makes a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are statements that one server uses.
const PREPARED_STATEMENTS: usize = 512;
/// From here on a copy costs more than a second look at the row.
const LONG_BYTES: usize = 1 << 20;

/// A connection.
pub(crate) struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file, or makes it. What was committed survives a crash and a loss of power.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Else a statement is planned anew, which takes longer than to run it, each time that other values are bound to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        Ok(Self(connection))
    }

    /// From now on nothing can be written through this connection.
    pub(crate) fn only_read(self) -> Result<Self, StoreError> {
        self.0.pragma_update(None, "query_only", true)?;
        Ok(self)
    }

    /// Runs statements without values; what they answer is dropped.
    pub(crate) fn batch(&self, text: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(text)?)
    }

    /// Runs one that begins or ends a transaction.
    pub(crate) fn control(&self, text: &'static str) -> Result<(), StoreError> {
        self.0.prepare_cached(text)?.raw_execute()?;
        Ok(())
    }

    /// The rows that a statement finds.
    pub(crate) fn rows(&self, statement: &'static Statement, values: &[Val]) -> Result<Vec<Row>, StoreError> {
        let mut prepared = self.0.prepare_cached(statement.sqlite_text())?;
        bind(&mut prepared, values)?;
        let width = prepared.column_count();
        let (mut found, mut rows) = (Vec::new(), prepared.raw_query());
        while let Some(row) = rows.next()? {
            let columns = (0..width).map(|index| val(row.get_ref(index)?));
            found.push(Row::Sqlite(columns.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }

    /// How many rows a statement changed.
    pub(crate) fn execute(&self, statement: &'static Statement, values: &[Val]) -> Result<u64, StoreError> {
        let mut prepared = self.0.prepare_cached(statement.sqlite_text())?;
        bind(&mut prepared, values)?;
        Ok(u64::try_from(prepared.raw_execute()?).unwrap_or(u64::MAX))
    }

    /// Inserts a row whose last value, which goes into `column`, may be long. SQLite holds two copies of a value that is
    /// bound, so a long one is written into its place when the row is there.
    pub(crate) fn insert_long(
        &self,
        statement: &'static Statement,
        values: &[Val],
        table: &str,
        column: &str,
    ) -> Result<u64, StoreError> {
        let Some((Val::Bytes(long), others)) = values.split_last().filter(|(last, _)| is_long(last)) else {
            return self.execute(statement, values);
        };
        let mut prepared = self.0.prepare_cached(statement.sqlite_text())?;
        bind(&mut prepared, others)?;
        prepared.raw_bind_parameter(values.len(), ZeroBlob(u64::try_from(long.len()).map_err(StoreError::column)?))?;
        let inserted = prepared.raw_execute()?;
        let mut place = self.0.blob_open(MAIN_DB, table, column, self.0.last_insert_rowid(), false)?;
        place.write_at(long, 0)?;
        place.close()?;
        Ok(u64::try_from(inserted).unwrap_or(u64::MAX))
    }

    /// Prepares a statement without running it.
    pub(crate) fn prepare(&self, statement: &'static Statement) -> Result<(), StoreError> {
        self.0.prepare(statement.sqlite_text())?;
        Ok(())
    }
}

fn is_long(value: &Val) -> bool {
    matches!(value, Val::Bytes(bytes) if bytes.len() > LONG_BYTES)
}

/// The value for `?n` is the nth; one that the text does not mention is left out.
fn bind(prepared: &mut rusqlite::Statement<'_>, values: &[Val]) -> rusqlite::Result<()> {
    let mentioned = prepared.parameter_count();
    for (value, number) in values.iter().zip(1..=mentioned) {
        prepared.raw_bind_parameter(number, value)?;
    }
    Ok(())
}

impl ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Bool(flag) => ValueRef::Integer(i64::from(*flag)),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn val(value: ValueRef<'_>) -> Result<Val, StoreError> {
    Ok(match value {
        ValueRef::Null => Val::Null,
        ValueRef::Integer(number) => Val::Int(number),
        ValueRef::Text(_) => Val::Text(value.as_str().map_err(StoreError::column)?.to_owned()),
        ValueRef::Blob(bytes) => Val::Bytes(bytes.to_vec()),
        ValueRef::Real(number) => return Err(StoreError::Column(format!("{number} is of a type that no column has"))),
    })
}
