//! Lists of workspaces: narrowed, ordered, one page at a time.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, ProjectId, TeamId, UserId, WorkspaceId};
use terrane_domain::runs::RunStatus;
use terrane_domain::workspaces::{Workspace, WorkspaceSort};

use crate::error::StoreError;
use crate::statement::{Statement, statements};
use crate::tag_bindings::{Tagged, listed};
use crate::transaction::{Tx, values};
use crate::value::Val;
use crate::visibility::{all_or_visible_to, projects_of_teams, workspace_is_seen, workspaces_of_teams};

/// What a search by tags goes by: the names of flat tags, and the keys of those with values, the project's among them. For a
/// mapping by keys and values, terraform asks for both at once.
macro_rules! tag_names {
    () => {
        concat!(
            "SELECT t.name FROM workspace_tags w JOIN tags t ON t.id = w.tag_id WHERE w.workspace_id = workspaces.id",
            " UNION SELECT b.key FROM tag_bindings b",
            " WHERE b.workspace_id = workspaces.id OR b.project_id = workspaces.project_id",
        )
    };
}

/// $2, $3: patterns for the name in lower case, with LIKE's own characters escaped; $4: the project; $5: statuses of
/// the current run; $6, $7: tags and how many they are; $8: tags that it must not have; $9, $10, $11: keys, pairs of a
/// key and a value, and how many both are; $12: a workspace whose state it reads; $13: a workspace that it is not.
/// Lists are texts with a comma around each member, and one is in it if the list without it is another list.
///
/// $14: all are visible; $15: the only visible workspace; $16: the person whose teams have access; $17: the team that
/// has. Three of them are nothing. $18: whether it is locked.
const NARROWED: &str = concat!(
    "WHERE organization_id = $1",
    " AND (CAST($2 AS TEXT) IS NULL OR LOWER(name) LIKE CAST($2 AS TEXT) ESCAPE '!')",
    " AND (CAST($3 AS TEXT) IS NULL OR LOWER(name) LIKE CAST($3 AS TEXT) ESCAPE '!')",
    " AND (CAST($4 AS TEXT) IS NULL OR project_id = CAST($4 AS TEXT))",
    " AND (CAST($5 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM runs r WHERE r.id = workspaces.current_run_id",
    " AND REPLACE(CAST($5 AS TEXT), ',' || r.status || ',', '') <> CAST($5 AS TEXT)))",
    " AND (CAST($6 AS TEXT) IS NULL OR CAST($7 AS BIGINT) = (SELECT COUNT(*) FROM (",
    tag_names!(),
    ") n WHERE REPLACE(CAST($6 AS TEXT), ',' || n.name || ',', '') <> CAST($6 AS TEXT)))",
    " AND (CAST($8 AS TEXT) IS NULL OR NOT EXISTS (SELECT 1 FROM (",
    tag_names!(),
    ") n WHERE REPLACE(CAST($8 AS TEXT), ',' || n.name || ',', '') <> CAST($8 AS TEXT)))",
    " AND (CAST($9 AS TEXT) IS NULL OR CAST($11 AS BIGINT) = (SELECT COALESCE(SUM(",
    "CASE WHEN REPLACE(CAST($9 AS TEXT), ',' || b.key || ',', '') <> CAST($9 AS TEXT) THEN 1 ELSE 0 END",
    " + CASE WHEN REPLACE(CAST($10 AS TEXT), ',' || b.key || '/' || b.value || ',', '') <> CAST($10 AS TEXT) THEN 1 ELSE 0 END",
    "), 0) FROM tag_bindings b WHERE b.workspace_id = workspaces.id OR (b.project_id = workspaces.project_id",
    " AND NOT EXISTS (SELECT 1 FROM tag_bindings o WHERE o.workspace_id = workspaces.id AND o.key = b.key))))",
    " AND (CAST($12 AS TEXT) IS NULL OR id IN (SELECT consumer_id FROM remote_state_consumers",
    " WHERE workspace_id = CAST($12 AS TEXT)))",
    " AND (CAST($13 AS TEXT) IS NULL OR id <> CAST($13 AS TEXT))",
    " AND (CAST($14 AS BOOLEAN) = TRUE OR ",
    workspace_is_seen!("", "$15", "$16", "$17"),
    ")",
    " AND (CAST($18 AS BOOLEAN) IS NULL OR CAST($18 AS BOOLEAN) = (lock_holder IS NOT NULL))",
);

/// $19: the order. A workspace without a run comes last either way.
const ORDERED: &str = concat!(
    " ORDER BY CASE WHEN CAST($19 AS TEXT) LIKE '%current-run%' AND current_run_id IS NULL THEN 1 ELSE 0 END,",
    " CASE WHEN CAST($19 AS TEXT) = 'name' THEN name END, CASE WHEN CAST($19 AS TEXT) = '-name' THEN name END DESC,",
    " CASE WHEN CAST($19 AS TEXT) = 'current-run.created-at'",
    " THEN (SELECT r.created_at FROM runs r WHERE r.id = workspaces.current_run_id) END,",
    " CASE WHEN CAST($19 AS TEXT) = '-current-run.created-at'",
    " THEN (SELECT r.created_at FROM runs r WHERE r.id = workspaces.current_run_id) END DESC,",
    " CASE WHEN CAST($19 AS TEXT) = 'latest-change-at' THEN latest_change_at END,",
    " CASE WHEN CAST($19 AS TEXT) = '-latest-change-at' THEN latest_change_at END DESC,",
    " created_at, id LIMIT $20 OFFSET $21",
);

/// $2: the person whose teams have access, or $3: the team that has; the other is nothing.
const SEEN_PROJECTS: &str = projects_of_teams!("$2", "$3");
const SEEN_WORKSPACES: &str = workspaces_of_teams!("$2", "$3");

statements! {
    LIST: Workspace = select [NARROWED, ORDERED];
    COUNT = joined ["SELECT COUNT(*) FROM workspaces ", NARROWED];
    // For SQLite a pattern is part of the plan: it prepares a statement with LIKE anew for each use.
    LIST_ALL: Workspace = select "WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3";
    LIST_SEEN: Workspace = select ["WHERE organization_id = $1 AND (project_id IN (", SEEN_PROJECTS, ") OR id IN (", SEEN_WORKSPACES, ")) ORDER BY created_at, id LIMIT $4 OFFSET $5"];
    // Of a project that is seen, an index counts the workspaces; only those seen by themselves are looked at. SQLite
    // begins a CROSS JOIN on the left.
    COUNT_SEEN = joined [
        "SELECT (SELECT COUNT(*) FROM workspaces WHERE project_id IN (", SEEN_PROJECTS, "))",
        " + (SELECT COUNT(*) FROM (", SEEN_WORKSPACES, " GROUP BY workspace_id) s CROSS JOIN workspaces w WHERE w.id = s.workspace_id AND w.project_id NOT IN (", SEEN_PROJECTS, "))"
    ];
    COUNT_ALL = "SELECT count FROM workspace_counts WHERE organization_id = $1";
}

/// No name is longer, and a longer pattern would be too much for LIKE.
const MAX_PATTERN: usize = 1000;

/// What a list is narrowed by, and its order.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceFilter {
    /// Part of the name, the case of ASCII letters ignored.
    pub name_part: Option<String>,
    /// The whole name, with `*` for any characters.
    pub wildcard_name: Option<String>,
    /// Only this project's.
    pub project_id: Option<ProjectId>,
    /// Only those whose current run has one of these statuses.
    pub run_statuses: Vec<RunStatus>,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only those with none of these tags.
    pub exclude_tags: Vec<String>,
    /// Only those to which all of these keys are bound, with this value if there is one, by themselves or their
    /// project.
    pub tagged: Vec<(String, Option<String>)>,
    /// Only those that were named as consumers of this workspace's state.
    pub consumers_of: Option<WorkspaceId>,
    /// Not this one.
    pub except: Option<WorkspaceId>,
    /// Only those that somebody or something locked, or only the others.
    pub is_locked: Option<bool>,
    /// The order.
    pub sort: WorkspaceSort,
}

impl WorkspaceFilter {
    fn is_empty(&self) -> bool {
        self.name_part.as_deref().is_none_or(str::is_empty)
            && self.wildcard_name.is_none()
            && self.project_id.is_none()
            && self.run_statuses.is_empty()
            && self.tags.is_empty()
            && self.exclude_tags.is_empty()
            && self.tagged.is_empty()
            && self.consumers_of.is_none()
            && self.except.is_none()
            && self.is_locked.is_none()
            && self.sort == WorkspaceSort::Age
    }

    /// Whether anything can be found: nothing has a tag with characters that lists cannot hold.
    fn is_possible(&self) -> bool {
        let names = [&self.name_part, &self.wildcard_name];
        let tagged = self.tagged.iter().flat_map(|(key, value)| std::iter::once(key).chain(value));
        let is_plain = |text: &String| !text.contains([',', '/']);
        names.into_iter().flatten().all(|text| text.len() <= MAX_PATTERN)
            && self.tags.iter().chain(tagged).all(is_plain)
    }

    fn values(&self, id: &OrganizationId) -> Vec<Val> {
        // Only ASCII: that is what LOWER knows on both databases.
        let escaped = |part: &str| part.to_ascii_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let part = self.name_part.as_deref().filter(|part| !part.is_empty()).map(|part| format!("%{}%", escaped(part)));
        let wildcard = self.wildcard_name.as_deref().map(|name| escaped(name).replace('*', "%"));
        let statuses: Vec<_> = self.run_statuses.iter().map(ToString::to_string).collect();
        let mut tags = self.tags.clone();
        tags.sort_unstable();
        tags.dedup();
        let tag_count = i64::try_from(tags.len()).unwrap_or(i64::MAX);
        let Tagged { keys, pairs, count } = Tagged::of(&self.tagged);
        let some = |list: &[String]| (!list.is_empty()).then(|| listed(list));
        values![
            *id,
            part,
            wildcard,
            self.project_id,
            some(&statuses),
            some(&tags),
            tag_count,
            some(&self.exclude_tags),
            keys,
            pairs,
            count,
            self.consumers_of,
            self.except,
        ]
    }
}

/// How all that is visible is counted and listed, and the values for both.
fn whole_list(
    id: &OrganizationId,
    visibility: &Visibility,
) -> Option<(&'static Statement, &'static Statement, Vec<Val>)> {
    match visibility {
        Visibility::All => Some((&COUNT_ALL, &LIST_ALL, values![*id])),
        Visibility::OfUser(user_id) => Some((&COUNT_SEEN, &LIST_SEEN, values![*id, *user_id, None::<TeamId>])),
        Visibility::OfTeam(team_id) => Some((&COUNT_SEEN, &LIST_SEEN, values![*id, None::<UserId>, *team_id])),
        Visibility::Nothing | Visibility::Workspace(_) => None,
    }
}

/// One page of the visible workspaces and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &WorkspaceFilter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Workspace>, i64), StoreError> {
    if *visibility == Visibility::Nothing || !filter.is_possible() {
        return Ok((Vec::new(), 0));
    }
    if let Some((count, list, who)) = whole_list(id, visibility).filter(|_| filter.is_empty()) {
        let total = tx.scalar(count, who.clone()).await?;
        return Ok((tx.all(list, [who, values![limit, offset]].concat()).await?, total.unwrap_or(0)));
    }
    let shared = [filter.values(id), all_or_visible_to(visibility), values![filter.is_locked]].concat();
    let total = tx.scalar(&COUNT, shared.clone()).await?;
    let rows = tx.all(&LIST, [shared, values![filter.sort, limit, offset]].concat()).await?;
    Ok((rows, total.unwrap_or(0)))
}
