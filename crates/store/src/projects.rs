//! Rows of projects.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, ProjectId};
use terrane_domain::projects::Project;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(Project, "projects", "$1, $2, $3, $4", { id, organization_id, name, created_at });

statements! {
    INSERT: Project = insert;
    BY_ID: Project = select "WHERE id = $1";
    OF_ORGANIZATION: Project = select "WHERE organization_id = $1 ORDER BY name";
    // $2: the only workspace's; $3: the person whose teams have access; $4: the team that has. Two of them are nothing.
    VISIBLE: Project = select "WHERE organization_id = $1 AND id IN (SELECT project_id FROM workspaces WHERE id = CAST($2 AS TEXT) OR id IN (SELECT workspace_id FROM team_workspaces WHERE team_id = CAST($4 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($3 AS TEXT))) UNION ALL SELECT project_id FROM team_projects WHERE team_id = CAST($4 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($3 AS TEXT))) ORDER BY name";
}

/// Inserts a project.
pub async fn insert(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    tx.execute(&INSERT, project.values()).await.map(drop)
}

/// The project of this id.
pub async fn by_id(tx: &mut Tx, id: &ProjectId) -> Result<Option<Project>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The projects of an organization that one may see, by name.
pub async fn visible(tx: &mut Tx, id: &OrganizationId, visibility: &Visibility) -> Result<Vec<Project>, StoreError> {
    match crate::workspaces::visible_to(visibility) {
        Some(who) => tx.all(&VISIBLE, [values![*id], who].concat()).await,
        None if *visibility == Visibility::All => of_organization(tx, id).await,
        None => Ok(Vec::new()),
    }
}

/// An organization's projects, by name.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<Project>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id]).await
}
