//! Rows of the access of teams to workspaces and projects.

use terrane_domain::team_access::{TeamProject, TeamWorkspace};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::Tx;

record!(TeamWorkspace, "team_workspaces", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, team_id, workspace_id, access, custom
});
record!(TeamProject, "team_projects", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, team_id, project_id, access, custom
});

statements! {
    INSERT_WORKSPACE: TeamWorkspace = insert;
    INSERT_PROJECT: TeamProject = insert;
}

/// Inserts a team's access to a workspace.
pub async fn insert_workspace(tx: &mut Tx, access: &TeamWorkspace) -> Result<(), StoreError> {
    tx.execute(&INSERT_WORKSPACE, access.values()).await.map(drop)
}

/// Inserts a team's access to a project.
pub async fn insert_project(tx: &mut Tx, access: &TeamProject) -> Result<(), StoreError> {
    tx.execute(&INSERT_PROJECT, access.values()).await.map(drop)
}
