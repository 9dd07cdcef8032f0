//! Every statement of the crate. A module's `STATEMENTS` that is missing here is dead code, which does not pass.

use crate::statement::Statement;

/// All statements, by module.
pub(crate) fn all() -> impl Iterator<Item = &'static Statement> {
    [
        crate::agent_pools::STATEMENTS,
        crate::authorization_codes::STATEMENTS,
        crate::comments::STATEMENTS,
        crate::configuration_versions::STATEMENTS,
        crate::errored_states::STATEMENTS,
        crate::events::STATEMENTS,
        crate::jobs::STATEMENTS,
        crate::keys::STATEMENTS,
        crate::logs::STATEMENTS,
        crate::organization_memberships::STATEMENTS,
        crate::organizations::STATEMENTS,
        crate::projects::STATEMENTS,
        crate::remote_state_consumers::STATEMENTS,
        crate::reserved_tag_keys::STATEMENTS,
        crate::run_events::STATEMENTS,
        crate::runs::STATEMENTS,
        crate::runs::lists::STATEMENTS,
        crate::sessions::STATEMENTS,
        crate::state_versions::STATEMENTS,
        crate::standings::STATEMENTS,
        crate::tag_bindings::STATEMENTS,
        crate::tags::STATEMENTS,
        crate::team_access::STATEMENTS,
        crate::teams::STATEMENTS,
        crate::tokens::STATEMENTS,
        crate::users::STATEMENTS,
        crate::variables::STATEMENTS,
        crate::workspace_resources::STATEMENTS,
        crate::workspaces::STATEMENTS,
        crate::workspaces::deletion::STATEMENTS,
        crate::workspaces::lists::STATEMENTS,
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
            let prepared = match &self.database {
                crate::database::Database::Sqlite { readers, .. } => match readers.acquire().await {
                    Ok(reader) => reader.prepare(statement),
                    Err(error) => Err(error),
                },
                crate::database::Database::Postgres(pool) => {
                    pool.prepare(statement.text().into_sql_str()).await.map(drop).map_err(Into::into)
                }
            };
            prepared.map_err(|error| format!("{}: {error}\n{}", statement.name, statement.text()))?;
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Opened;

    /// Statements that run often over tables that only grow, with the index that keeps them cheap.
    const INDEXES: &[(&str, &str)] = &[
        ("LIST_ALL", "workspaces_by_age"),
        ("COUNT_IN_PROJECT", "workspaces_by_project"),
        ("COUNT_BY_PROJECT", "workspaces_by_project"),
        ("OF_WORKSPACE", "runs_by_workspace"),
        ("PHASES", "sqlite_autoindex_run_phases_2"),
        ("USED_BY_WORKSPACES", "workspaces_by_agent_pool"),
        ("OF_RUNS", "run_events_by_run"),
        ("COMMENTS_OF_RUNS", "comments_by_run"),
        ("ENDED", "runs_by_workspace"),
        ("WAITING_BEFORE", "runs_open"),
        ("OPEN_RUNS", "runs_open"),
        ("NAMES_OF_WORKSPACES", "sqlite_autoindex_workspace_tags_1"),
        ("OF_TEAMS", "team_projects_by_team"),
        ("DELETE_UNUSED_TAGS", "workspace_tags_by_tag"),
        ("NEXT_IN_QUEUE", "runs_open"),
        ("SAVED_PLANS", "runs_open"),
        ("QUEUE_OF_ORGANIZATION", "runs_open_of_organization"),
        ("COUNT_QUEUE", "runs_open_of_organization"),
        ("QUEUE_BY_STATUS", "runs_open_of_organization"),
        ("WAITING_RUNS", "runs_open_of_organization"),
        ("NEXT", "jobs_open"),
        ("LOST", "jobs_open"),
        ("RENEW_OVERDUE", "jobs_open"),
        ("UNCOMPACTED", "run_phases_uncompacted"),
        ("UNSEALED", "events_unsealed"),
        ("WAITING", "events_unsealed"),
        ("SEALED_EVENTS", "events_sealed"),
        ("DELETE_OF_RUN", "tokens_by_run"),
        ("PAGE", "organization_memberships_by_age"),
        ("BY_EMAILS", "organization_memberships_by_email"),
        ("MEMBERS_OF_TEAMS", "sqlite_autoindex_team_members_1"),
        ("OF_USERS", "team_members_by_user"),
        ("TOKENS_OF_USER", "tokens_by_user"),
    ];

    #[tokio::test]
    async fn statements_over_growing_tables_use_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        crate::migrations::migrate(&Opened::open(&format!("sqlite:{}", path.display())).await.unwrap()).await.unwrap();
        let database = rusqlite::Connection::open(&path).unwrap();
        for (name, index) in INDEXES {
            let statement = all().find(|statement| statement.name == *name).unwrap();
            let mut explain = database.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sqlite_text())).unwrap();
            let plan = explain.raw_query().mapped(|row| row.get("detail")).collect::<Result<Vec<String>, _>>().unwrap();
            assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{name}: {plan:?}");
        }
    }
}
