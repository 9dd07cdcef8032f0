//! Every statement of the crate. A module's `STATEMENTS` that is missing here is dead code, which does not pass.

use crate::statement::Statement;

/// All statements, by module.
pub(crate) fn all() -> impl Iterator<Item = &'static Statement> {
    [
        crate::configuration_versions::STATEMENTS,
        crate::events::STATEMENTS,
        crate::jobs::STATEMENTS,
        crate::keys::STATEMENTS,
        crate::logs::STATEMENTS,
        crate::organizations::STATEMENTS,
        crate::run_events::STATEMENTS,
        crate::runs::STATEMENTS,
        crate::state_versions::STATEMENTS,
        crate::tokens::STATEMENTS,
        crate::variables::STATEMENTS,
        crate::workspaces::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

impl crate::Store {
    /// Prepares every statement on this store's database, which refuses unknown columns and bad syntax. Answers
    /// how many there are.
    pub async fn prepare_all(&self) -> Result<usize, String> {
        use sqlx::{Executor as _, SqlSafeStr as _};
        let mut count = 0;
        for statement in all() {
            let text = statement.text().into_sql_str();
            let prepared = match &self.database {
                crate::database::Database::Sqlite { writer, .. } => writer.prepare(text).await.map(drop),
                crate::database::Database::Postgres(pool) => pool.prepare(text).await.map(drop),
            };
            prepared.map_err(|error| format!("{}: {error}\n{}", statement.name, statement.text()))?;
            count += 1;
        }
        Ok(count)
    }
}
