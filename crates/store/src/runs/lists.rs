//! Lists of runs: narrowed, newest first, one page at a time.

use std::fmt::Display;

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, WorkspaceId};
use terrane_domain::runs::{Run, RunOperation, RunStatus};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::statement::statements;
use crate::transaction::{Tx, values};
use crate::value::Val;
use crate::visibility::{all_or_visible_to, visible_to, workspace_is_seen};

/// $2: the only workspace; $3: operations; $4: statuses; $5: sources; $6: names of agent pools; $7: names of workspaces;
/// $8, $9: from when and until when it was queued; $10: the name of who queued it; $11: the same, or a part of the id or
/// the message, as a pattern in lower case. Lists are texts with a comma around each member, and one is in it if the list
/// without it is another list.
///
/// $12: all are visible; $13: the only visible workspace; $14: the person whose teams have access; $15: the team that
/// has. Three of them are nothing.
const NARROWED: &str = concat!(
    "WHERE organization_id = $1",
    " AND (CAST($2 AS TEXT) IS NULL OR workspace_id = CAST($2 AS TEXT))",
    " AND REPLACE(CAST($3 AS TEXT), ',' || operation || ',', '') <> CAST($3 AS TEXT)",
    " AND (CAST($4 AS TEXT) IS NULL OR REPLACE(CAST($4 AS TEXT), ',' || status || ',', '') <> CAST($4 AS TEXT))",
    " AND (CAST($5 AS TEXT) IS NULL OR REPLACE(CAST($5 AS TEXT), ',' || source || ',', '') <> CAST($5 AS TEXT))",
    " AND (CAST($6 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM workspaces w",
    " JOIN projects p ON p.id = w.project_id JOIN organizations o ON o.id = w.organization_id",
    " JOIN agent_pools a ON a.id = COALESCE(w.agent_pool_id, p.default_agent_pool_id, o.default_agent_pool_id)",
    " WHERE w.id = runs.workspace_id",
    " AND COALESCE(w.execution_mode, p.default_execution_mode, o.default_execution_mode) = 'agent'",
    " AND REPLACE(CAST($6 AS TEXT), ',' || a.name || ',', '') <> CAST($6 AS TEXT)))",
    " AND (CAST($7 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM workspaces w WHERE w.id = runs.workspace_id",
    " AND REPLACE(CAST($7 AS TEXT), ',' || w.name || ',', '') <> CAST($7 AS TEXT)))",
    " AND (CAST($8 AS BIGINT) IS NULL OR created_at >= CAST($8 AS BIGINT))",
    " AND (CAST($9 AS BIGINT) IS NULL OR created_at < CAST($9 AS BIGINT))",
    " AND (CAST($10 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = runs.created_by",
    " AND LOWER(u.username) = CAST($10 AS TEXT)))",
    " AND (CAST($11 AS TEXT) IS NULL OR LOWER(id) LIKE CAST($11 AS TEXT) ESCAPE '!'",
    " OR LOWER(message) LIKE CAST($11 AS TEXT) ESCAPE '!' OR EXISTS (SELECT 1 FROM users u",
    " WHERE u.id = runs.created_by AND LOWER(u.username) LIKE CAST($11 AS TEXT) ESCAPE '!'))",
    " AND (CAST($12 AS BOOLEAN) = TRUE OR workspace_id IN (SELECT id FROM workspaces WHERE ",
    workspace_is_seen!("", "$13", "$14", "$15"),
    "))",
);

statements! {
    LIST: Run = select [NARROWED, " ORDER BY created_at DESC, id DESC LIMIT $16 OFFSET $17"];
    COUNT = joined ["SELECT COUNT(*) FROM runs ", NARROWED];
    // What people look at most, without the patterns for which SQLite prepares a statement anew at each use.
    OF_WORKSPACE: Run = select "WHERE workspace_id = $1 AND plan_only = FALSE ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3";
    COUNT_OF_WORKSPACE = "SELECT COUNT(*) FROM runs WHERE workspace_id = $1 AND plan_only = FALSE";
}

/// No name or message that is looked for is longer.
const MAX_PATTERN: usize = 1000;

/// What a list is narrowed by; an absent member narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this workspace's.
    pub workspace_id: Option<WorkspaceId>,
    /// Only those that do one of these; all but plan-only runs if absent.
    pub operations: Option<Vec<RunOperation>>,
    /// Only those of these statuses.
    pub statuses: Option<Vec<RunStatus>>,
    /// Only those from one of these sources.
    pub sources: Option<Vec<String>>,
    /// Only those of workspaces whose runs go to one of these agent pools.
    pub agent_pool_names: Option<Vec<String>>,
    /// Only those of these workspaces.
    pub workspace_names: Option<Vec<String>>,
    /// Only those that were queued from this moment on.
    pub from: Option<Timestamp>,
    /// Only those that were queued before this moment.
    pub until: Option<Timestamp>,
    /// Only those that this person queued.
    pub user: Option<String>,
    /// Only those with this in the id, in the message, or in the name of who queued them.
    pub basic: Option<String>,
}

/// The list as the statements take it.
fn listed<T: Display>(list: Option<&Vec<T>>) -> Option<String> {
    // Nothing is in an empty list, as a filter of words that do not exist is.
    let members: Vec<_> = list?.iter().map(ToString::to_string).collect();
    Some(format!(",{},", members.join(",,")))
}

impl RunFilter {
    /// Whether any run can have what is looked for: no text in the database holds a NUL.
    fn is_possible(&self) -> bool {
        let lists = [&self.sources, &self.agent_pool_names, &self.workspace_names];
        let texts = lists.into_iter().flatten().flatten().chain(&self.user).chain(&self.basic);
        texts.into_iter().all(|text| text.len() <= MAX_PATTERN && !text.contains('\0'))
    }

    fn values(&self, id: &OrganizationId, visibility: &Visibility) -> Vec<Val> {
        let default = || RunOperation::ALL.iter().copied().filter(|one| *one != RunOperation::PlanOnly).collect();
        let operations = listed(Some(&self.operations.clone().unwrap_or_else(default)));
        // Only ASCII: that is what LOWER knows on both databases.
        let escaped = |part: &str| part.to_ascii_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let basic = self.basic.as_deref().map(|text| format!("%{}%", escaped(text)));
        let narrowed = values![
            *id,
            self.workspace_id,
            operations,
            listed(self.statuses.as_ref()),
            listed(self.sources.as_ref()),
            listed(self.agent_pool_names.as_ref()),
            listed(self.workspace_names.as_ref()),
            self.from,
            self.until,
            self.user.as_deref().map(str::to_ascii_lowercase),
            basic,
        ];
        [narrowed, all_or_visible_to(visibility)].concat()
    }
}

/// One page of an organization's runs, newest first, and their total number if `counted`.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &RunFilter,
    counted: bool,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Run>, Option<i64>), StoreError> {
    if *visibility == Visibility::Nothing || !filter.is_possible() {
        return Ok((Vec::new(), counted.then_some(0)));
    }
    let bare = RunFilter { workspace_id: filter.workspace_id.clone(), ..RunFilter::default() };
    let (rows, count, shared) = match &filter.workspace_id {
        Some(workspace_id) if *filter == bare && visible_to(visibility).is_none() => {
            (&OF_WORKSPACE, &COUNT_OF_WORKSPACE, values![*workspace_id])
        }
        _ => (&LIST, &COUNT, filter.values(id, visibility)),
    };
    let total = if counted { Some(tx.scalar(count, shared.clone()).await?.unwrap_or(0)) } else { None };
    Ok((tx.all(rows, [shared, values![limit, offset]].concat()).await?, total))
}
