//! Rows of projects.

use std::collections::HashMap;

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, ProjectId};
use terrane_domain::projects::{Project, ProjectSort};

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::tag_bindings::{Tagged, listed};
use crate::transaction::{Tx, values};
use crate::value::Col;
use crate::value::Val;
use crate::visibility::{all_or_visible_to, project_is_seen};

record!(Project, "projects", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, name, description, auto_destroy_activity_duration, default_execution_mode,
    default_agent_pool_id, created_at
});

/// $2: all are visible; $3: the only visible workspace; $4: the person whose teams have access; $5: the team that has. Three
/// of them are nothing.
const SEEN: &str =
    concat!("WHERE organization_id = $1 AND (CAST($2 AS BOOLEAN) = TRUE OR ", project_is_seen!("$3", "$4", "$5"), ")",);
/// $6: names, and $7: a part of the name, in lower case; $8, $9, $10: keys, pairs of a key and a value, and how many both
/// are. Lists are texts with a comma around each member, and one is in it if the list without it is another list.
const NARROWED: &str = concat!(
    "(CAST($6 AS TEXT) IS NULL OR REPLACE(CAST($6 AS TEXT), ',' || LOWER(name) || ',', '') <> CAST($6 AS TEXT))",
    " AND (CAST($7 AS TEXT) IS NULL OR REPLACE(LOWER(name), CAST($7 AS TEXT), '') <> LOWER(name))",
    " AND (CAST($10 AS BIGINT) = 0 OR CAST($10 AS BIGINT) = (SELECT COALESCE(SUM(",
    "CASE WHEN REPLACE(CAST($8 AS TEXT), ',' || b.key || ',', '') <> CAST($8 AS TEXT) THEN 1 ELSE 0 END",
    " + CASE WHEN REPLACE(CAST($9 AS TEXT), ',' || b.key || '/' || b.value || ',', '') <> CAST($9 AS TEXT) THEN 1 ELSE 0 END",
    "), 0) FROM tag_bindings b WHERE b.project_id = projects.id))",
);

statements! {
    INSERT: Project = insert;
    BY_ID: Project = select "WHERE id = $1";
    HELD: Project = held "WHERE id = $1";
    PROJECTS_BY_IDS: Project = select_many "id";
    UPDATE = "UPDATE projects SET name = $2, description = $3, auto_destroy_activity_duration = $4, default_execution_mode = $5, default_agent_pool_id = $6 WHERE id = $1";
    // The condition is asked again where the row goes: a workspace may have come meanwhile.
    DELETE_PROJECT = "DELETE FROM projects WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.project_id = projects.id)";
    TEAMS_OF_PROJECTS = "SELECT project_id, COUNT(*) FROM team_projects WHERE organization_id = $1 GROUP BY project_id";
    OF_ORGANIZATION: Project = select "WHERE organization_id = $1 ORDER BY name";
    // $11: the order.
    LIST_PROJECTS: Project = select [SEEN, " AND ", NARROWED, " ORDER BY CASE WHEN CAST($11 AS TEXT) = 'name' THEN name END, CASE WHEN CAST($11 AS TEXT) = '-name' THEN name END DESC, created_at DESC, id DESC LIMIT $12 OFFSET $13"];
    COUNT_PROJECTS = joined ["SELECT COUNT(*), COUNT(CASE WHEN ", NARROWED, " THEN 1 END) FROM projects ", SEEN];
    VISIBLE: Project = select [SEEN, " ORDER BY name"];
}

/// Inserts a project.
pub async fn insert(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    tx.execute(&INSERT, project.values()).await.map(drop)
}

/// The project of this id.
pub async fn by_id(tx: &mut Tx, id: &ProjectId) -> Result<Option<Project>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The project of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &ProjectId) -> Result<Option<Held<Project>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// The projects of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&ProjectId]) -> Result<Vec<Project>, StoreError> {
    tx.many(&PROJECTS_BY_IDS, ids).await
}

/// Writes the settings that people may change.
pub async fn update(tx: &mut Tx, project: &Held<Project>) -> Result<(), StoreError> {
    let values = values![
        project.id,
        project.name,
        project.description,
        project.auto_destroy_activity_duration,
        project.default_execution_mode,
        project.default_agent_pool_id,
    ];
    tx.execute(&UPDATE, values).await.map(drop)
}

/// Deletes a project, unless a workspace is in it.
pub async fn delete(tx: &mut Tx, id: &ProjectId) -> Result<bool, StoreError> {
    tx.changed(&DELETE_PROJECT, values![*id]).await
}

/// How many teams have access to each project of an organization; projects without any are not named.
pub async fn count_teams(tx: &mut Tx, id: &OrganizationId) -> Result<HashMap<ProjectId, i64>, StoreError> {
    let rows = tx.rows(&TEAMS_OF_PROJECTS, values![*id]).await?;
    rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect()
}

/// The projects of an organization that one may see, by name.
pub async fn visible(tx: &mut Tx, id: &OrganizationId, visibility: &Visibility) -> Result<Vec<Project>, StoreError> {
    tx.all(&VISIBLE, [values![*id], all_or_visible_to(visibility)].concat()).await
}

/// What a list of projects is narrowed by, and its order.
#[derive(Debug, Clone, Default)]
pub struct ProjectFilter {
    /// One of these names, the case of ASCII letters ignored; beats `name_part`.
    pub names: Vec<String>,
    /// Part of the name, the case of ASCII letters ignored.
    pub name_part: Option<String>,
    /// All of these keys, with this value if there is one.
    pub tagged: Vec<(String, Option<String>)>,
    /// The order.
    pub sort: ProjectSort,
}

impl ProjectFilter {
    fn values(&self) -> Vec<Val> {
        // No name has a comma.
        let names = self.names.iter().filter(|name| !name.contains(',')).map(|name| name.to_ascii_lowercase());
        let names = (!self.names.is_empty()).then(|| listed(&names.collect::<Vec<_>>()));
        let part = self.name_part.as_deref().filter(|part| !part.is_empty() && names.is_none());
        let keys = Tagged::of(&self.tagged);
        values![names, part.map(str::to_ascii_lowercase), keys.keys, keys.pairs, keys.count]
    }
}

/// How many projects one may see, and how many of them the filter leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProjectCounts {
    /// Those that one may see.
    pub total: i64,
    /// Those that the filter leaves.
    pub matching: i64,
}

/// One page of an organization's projects that one may see.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &ProjectFilter,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Project>, ProjectCounts), StoreError> {
    let shared = [values![*id], all_or_visible_to(visibility), filter.values()].concat();
    let counts = match tx.rows(&COUNT_PROJECTS, shared.clone()).await?.first() {
        Some(row) => ProjectCounts { total: Col::get(row, 0)?, matching: Col::get(row, 1)? },
        None => ProjectCounts::default(),
    };
    Ok((tx.all(&LIST_PROJECTS, [shared, values![filter.sort, limit, offset]].concat()).await?, counts))
}

/// An organization's projects, by name.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<Project>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id]).await
}
