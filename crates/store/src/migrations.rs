//! Migrations: two folders with the same numbers, applied in order, each in one transaction.

use sqlx::{Executor as _, Row as _};

use crate::database::Opened;
use crate::error::StoreError;
use crate::statement::Statement;
use crate::value::{Col as _, Val};

struct Migration {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $file:literal),+ $(,)?) => {
        &[$(Migration {
            number: $number,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../migrations/postgres/", $file)),
        }),+]
    };
}

const MIGRATIONS: &[Migration] = migrations![1 "0001_initial.sql"];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT PRIMARY KEY, applied_at TEXT DEFAULT CURRENT_TIMESTAMP)";
static APPLIED: Statement = Statement::new("APPLIED", &[], "SELECT number FROM schema_migrations ORDER BY number");
static RECORD: Statement = Statement::new("RECORD", &[], "INSERT INTO schema_migrations (number) VALUES ($1)");
/// Two servers that start together on one database migrate one after the other.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7302161)";

/// Brings the database to this program's schema; refuses one that is newer.
pub(crate) async fn migrate(database: &Opened) -> Result<(), StoreError> {
    match database {
        // What is not committed when this returns is rolled back: the connection is not used any more then.
        Opened::Sqlite { writer, .. } => {
            writer.batch("BEGIN IMMEDIATE")?;
            writer.batch(LEDGER)?;
            let applied = writer.rows(&APPLIED, &[])?;
            let applied = applied.iter().map(|row| i64::get(row, 0)).collect::<Result<Vec<_>, _>>()?;
            for migration in missing(&applied)? {
                writer.batch(migration.sqlite)?;
                writer.execute(&RECORD, &[Val::Int(migration.number)])?;
            }
            writer.batch("COMMIT")?;
        }
        Opened::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            tx.execute(POSTGRES_LOCK).await?;
            tx.execute(LEDGER).await?;
            let applied =
                tx.fetch_all(APPLIED.text()).await?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?;
            for migration in missing(&applied)? {
                tx.execute(sqlx::raw_sql(migration.postgres)).await?;
                tx.execute(sqlx::query(RECORD.text()).bind(migration.number)).await?;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

fn missing(applied: &[i64]) -> Result<impl Iterator<Item = &'static Migration>, StoreError> {
    let newest = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if let Some(newer) = applied.iter().find(|number| **number > newest) {
        return Err(StoreError::Migration(format!(
            "the database has the schema {newer}, newer than this program's {newest}; start the newer program, or restore a backup made by this one"
        )));
    }
    let applied = applied.to_vec();
    Ok(MIGRATIONS.iter().filter(move |migration| !applied.contains(&migration.number)))
}
