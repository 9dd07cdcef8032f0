//! Migrations: two folders with the same numbers, applied in order, each in one transaction.

use sqlx::{Executor as _, Row as _};

use crate::database::Database;
use crate::error::StoreError;

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
const APPLIED: &str = "SELECT number FROM schema_migrations ORDER BY number";
const RECORD: &str = "INSERT INTO schema_migrations (number) VALUES ($1)";
/// Two servers that start together on one database migrate one after the other.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7302161)";

/// Brings the database to this program's schema; refuses one that is newer.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    match database {
        Database::Sqlite { writer, .. } => {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            tx.execute(LEDGER).await?;
            let applied =
                tx.fetch_all(APPLIED).await?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?;
            for migration in missing(&applied)? {
                tx.execute(sqlx::raw_sql(migration.sqlite)).await?;
                tx.execute(sqlx::query(RECORD).bind(migration.number)).await?;
            }
            tx.commit().await?;
        }
        Database::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            tx.execute(POSTGRES_LOCK).await?;
            tx.execute(LEDGER).await?;
            let applied =
                tx.fetch_all(APPLIED).await?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<_>, _>>()?;
            for migration in missing(&applied)? {
                tx.execute(sqlx::raw_sql(migration.postgres)).await?;
                tx.execute(sqlx::query(RECORD).bind(migration.number)).await?;
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
