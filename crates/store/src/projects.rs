//! Rows of projects.

use std::collections::HashMap;

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, ProjectId};
use terrane_domain::projects::Project;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;
use crate::visibility::{project_is_seen, visible_to};

record!(Project, "projects", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, name, description, auto_destroy_activity_duration, default_execution_mode,
    default_agent_pool_id, created_at
});

statements! {
    INSERT: Project = insert;
    BY_ID: Project = select "WHERE id = $1";
    PROJECTS_BY_IDS: Project = select_many "id";
    UPDATE = "UPDATE projects SET name = $2, description = $3, auto_destroy_activity_duration = $4, default_execution_mode = $5, default_agent_pool_id = $6 WHERE id = $1";
    // The condition is asked again where the row goes: a workspace may have come meanwhile.
    DELETE_PROJECT = "DELETE FROM projects WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.project_id = projects.id)";
    TEAMS_OF_PROJECTS = "SELECT project_id, COUNT(*) FROM team_projects WHERE organization_id = $1 GROUP BY project_id";
    OF_ORGANIZATION: Project = select "WHERE organization_id = $1 ORDER BY name";
    // $2: the only workspace's; $3: the person whose teams have access; $4: the team that has. Two of them are nothing.
    VISIBLE: Project = select ["WHERE organization_id = $1 AND ", project_is_seen!("$2", "$3", "$4"), " ORDER BY name"];
}

/// Inserts a project.
pub async fn insert(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    tx.execute(&INSERT, project.values()).await.map(drop)
}

/// The project of this id.
pub async fn by_id(tx: &mut Tx, id: &ProjectId) -> Result<Option<Project>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The projects of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&ProjectId]) -> Result<Vec<Project>, StoreError> {
    tx.many(&PROJECTS_BY_IDS, ids).await
}

/// Writes the settings that people may change.
pub async fn update(tx: &mut Tx, project: &Project) -> Result<bool, StoreError> {
    let values = values![
        project.id,
        project.name,
        project.description,
        project.auto_destroy_activity_duration,
        project.default_execution_mode,
        project.default_agent_pool_id,
    ];
    tx.changed(&UPDATE, values).await
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
    match visible_to(visibility) {
        Some(who) => tx.all(&VISIBLE, [values![*id], who].concat()).await,
        None if *visibility == Visibility::All => of_organization(tx, id).await,
        None => Ok(Vec::new()),
    }
}

/// An organization's projects, by name.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<Project>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id]).await
}
