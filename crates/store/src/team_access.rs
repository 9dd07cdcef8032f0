//! Rows of the access of teams to workspaces and projects.

use terrane_domain::ids::{ProjectId, TeamProjectId, TeamWorkspaceId, WorkspaceId};
use terrane_domain::team_access::{TeamProject, TeamWorkspace};

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(TeamWorkspace, "team_workspaces", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, team_id, workspace_id, access, custom
});
record!(TeamProject, "team_projects", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, team_id, project_id, access, custom
});

statements! {
    INSERT_WORKSPACE: TeamWorkspace = insert;
    WORKSPACE_BY_ID: TeamWorkspace = select "WHERE id = $1";
    WORKSPACE_HELD: TeamWorkspace = held "WHERE id = $1";
    OF_WORKSPACE: TeamWorkspace = select "WHERE workspace_id = $1 ORDER BY id";
    UPDATE_WORKSPACE = "UPDATE team_workspaces SET access = $2, custom = $3 WHERE id = $1";
    DELETE_WORKSPACE = "DELETE FROM team_workspaces WHERE id = $1";
    INSERT_PROJECT: TeamProject = insert;
    PROJECT_BY_ID: TeamProject = select "WHERE id = $1";
    PROJECT_HELD: TeamProject = held "WHERE id = $1";
    OF_PROJECT: TeamProject = select "WHERE project_id = $1 ORDER BY id";
    UPDATE_PROJECT = "UPDATE team_projects SET access = $2, custom = $3 WHERE id = $1";
    DELETE_PROJECT = "DELETE FROM team_projects WHERE id = $1";
}

/// Inserts a team's access to a workspace.
pub async fn insert_workspace(tx: &mut Tx, access: &TeamWorkspace) -> Result<(), StoreError> {
    tx.execute(&INSERT_WORKSPACE, access.values()).await.map(drop)
}

/// The access of this id to a workspace.
pub async fn workspace_by_id(tx: &mut Tx, id: &TeamWorkspaceId) -> Result<Option<TeamWorkspace>, StoreError> {
    tx.one(&WORKSPACE_BY_ID, values![*id]).await
}

/// The access of this id to a workspace, held until the transaction ends.
pub async fn held_workspace(tx: &mut Tx, id: &TeamWorkspaceId) -> Result<Option<Held<TeamWorkspace>>, StoreError> {
    tx.held(&WORKSPACE_HELD, values![*id]).await
}

/// The access of all teams to a workspace.
pub async fn of_workspace(tx: &mut Tx, id: &WorkspaceId) -> Result<Vec<TeamWorkspace>, StoreError> {
    tx.all(&OF_WORKSPACE, values![*id]).await
}

/// Stores what a team's access to a workspace comes to.
pub async fn update_workspace(tx: &mut Tx, access: &Held<TeamWorkspace>) -> Result<(), StoreError> {
    tx.execute(&UPDATE_WORKSPACE, values![access.id, access.access, access.custom]).await.map(drop)
}

/// Removes a team's access to a workspace.
pub async fn remove_workspace(tx: &mut Tx, id: &TeamWorkspaceId) -> Result<(), StoreError> {
    tx.execute(&DELETE_WORKSPACE, values![*id]).await.map(drop)
}

/// Inserts a team's access to a project.
pub async fn insert_project(tx: &mut Tx, access: &TeamProject) -> Result<(), StoreError> {
    tx.execute(&INSERT_PROJECT, access.values()).await.map(drop)
}

/// The access of this id to a project.
pub async fn project_by_id(tx: &mut Tx, id: &TeamProjectId) -> Result<Option<TeamProject>, StoreError> {
    tx.one(&PROJECT_BY_ID, values![*id]).await
}

/// The access of this id to a project, held until the transaction ends.
pub async fn held_project(tx: &mut Tx, id: &TeamProjectId) -> Result<Option<Held<TeamProject>>, StoreError> {
    tx.held(&PROJECT_HELD, values![*id]).await
}

/// The access of all teams to a project.
pub async fn of_project(tx: &mut Tx, id: &ProjectId) -> Result<Vec<TeamProject>, StoreError> {
    tx.all(&OF_PROJECT, values![*id]).await
}

/// Stores what a team's access to a project comes to.
pub async fn update_project(tx: &mut Tx, access: &Held<TeamProject>) -> Result<(), StoreError> {
    tx.execute(&UPDATE_PROJECT, values![access.id, access.access, access.custom]).await.map(drop)
}

/// Removes a team's access to a project.
pub async fn remove_project(tx: &mut Tx, id: &TeamProjectId) -> Result<(), StoreError> {
    tx.execute(&DELETE_PROJECT, values![*id]).await.map(drop)
}
