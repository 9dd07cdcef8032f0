//! Rows of workspaces.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, ProjectId, RunId, StateVersionId, WorkspaceId};
use terrane_domain::workspaces::{LockHolder, Workspace};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::{Col, Val};

record!(Workspace, "workspaces", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18", {
    id, organization_id, project_id, name, description, execution_mode, auto_apply, allow_destroy_plan,
    terraform_version, working_directory, structured_run_output_enabled, lock_holder, lock_reason, current_run_id,
    current_state_version_id, current_configuration_version_id, created_at, updated_at
});

statements! {
    INSERT: Workspace = insert;
    BY_ID: Workspace = select "WHERE id = $1";
    BY_NAME: Workspace = select "WHERE organization_id = $1 AND name = $2";
    BY_NAMES: Workspace = select "WHERE organization_id = (SELECT id FROM organizations WHERE name = $1) AND name = $2";
    // $2: part of the name in lower case, with LIKE's own characters escaped; $3: the project.
    LIST: Workspace = select "WHERE organization_id = $1 AND LOWER(name) LIKE CAST($2 AS TEXT) ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR project_id = CAST($3 AS TEXT)) ORDER BY created_at, id LIMIT $4 OFFSET $5";
    COUNT = "SELECT COUNT(*) FROM workspaces WHERE organization_id = $1 AND LOWER(name) LIKE CAST($2 AS TEXT) ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR project_id = CAST($3 AS TEXT))";
    // $4: the only workspace; $5: the person whose teams have access; $6: the team that has. Two of them are nothing.
    LIST_VISIBLE: Workspace = select "WHERE organization_id = $1 AND LOWER(name) LIKE CAST($2 AS TEXT) ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR project_id = CAST($3 AS TEXT)) AND (id = CAST($4 AS TEXT) OR id IN (SELECT workspace_id FROM team_workspaces WHERE team_id = CAST($6 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($5 AS TEXT))) OR project_id IN (SELECT project_id FROM team_projects WHERE team_id = CAST($6 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($5 AS TEXT)))) ORDER BY created_at, id LIMIT $7 OFFSET $8";
    COUNT_VISIBLE = "SELECT COUNT(*) FROM workspaces WHERE organization_id = $1 AND LOWER(name) LIKE CAST($2 AS TEXT) ESCAPE '!' AND (CAST($3 AS TEXT) IS NULL OR project_id = CAST($3 AS TEXT)) AND (id = CAST($4 AS TEXT) OR id IN (SELECT workspace_id FROM team_workspaces WHERE team_id = CAST($6 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($5 AS TEXT))) OR project_id IN (SELECT project_id FROM team_projects WHERE team_id = CAST($6 AS TEXT) OR team_id IN (SELECT team_id FROM team_members WHERE user_id = CAST($5 AS TEXT))))";
    // For SQLite a pattern is part of the plan: it prepares a statement with LIKE anew for each use.
    LIST_ALL: Workspace = select "WHERE organization_id = $1 ORDER BY created_at, id LIMIT $2 OFFSET $3";
    COUNT_ALL = "SELECT count FROM workspace_counts WHERE organization_id = $1";
    COUNT_IN_PROJECT = "SELECT COUNT(*) FROM workspaces WHERE project_id = $1";
    COUNT_BY_PROJECT = "SELECT project_id, COUNT(*) FROM workspaces WHERE project_id IN (SELECT id FROM projects WHERE organization_id = $1) GROUP BY project_id";
    BY_IDS: Workspace = select_many "id";
    UPDATE_SETTINGS = "UPDATE workspaces SET name = $2, description = $3, execution_mode = $4, auto_apply = $5, allow_destroy_plan = $6, terraform_version = $7, working_directory = $8, structured_run_output_enabled = $9, project_id = $10, updated_at = $11 WHERE id = $1";
    LOCK = "UPDATE workspaces SET lock_holder = $2, lock_reason = $3 WHERE id = $1 AND lock_holder IS NULL";
    UNLOCK = "UPDATE workspaces SET lock_holder = NULL, lock_reason = NULL WHERE id = $1 AND lock_holder = $2";
    HAND_OVER_LOCK = "UPDATE workspaces SET lock_holder = $3, lock_reason = $4 WHERE id = $1 AND lock_holder = $2";
    SET_CURRENT_RUN = "UPDATE workspaces SET current_run_id = $2 WHERE id = $1";
    SET_CURRENT_STATE = "UPDATE workspaces SET current_state_version_id = $2, updated_at = $3 WHERE id = $1";
}

/// What a list is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceFilter {
    /// Part of the name, the case of ASCII letters ignored.
    pub name_part: Option<String>,
    /// Only this project's.
    pub project_id: Option<ProjectId>,
}

/// Inserts a workspace.
pub async fn insert(tx: &mut Tx, workspace: &Workspace) -> Result<(), StoreError> {
    tx.execute(&INSERT, workspace.values()).await.map(drop)
}

/// The workspace of this id.
pub async fn by_id(tx: &mut Tx, id: &WorkspaceId) -> Result<Option<Workspace>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The workspace of this name in an organization.
pub async fn by_name(tx: &mut Tx, id: &OrganizationId, name: &str) -> Result<Option<Workspace>, StoreError> {
    tx.one(&BY_NAME, values![*id, name.to_owned()]).await
}

/// The workspace of this name in the organization of this name.
pub async fn by_names(tx: &mut Tx, organization: &str, name: &str) -> Result<Option<Workspace>, StoreError> {
    tx.one(&BY_NAMES, values![organization.to_owned(), name.to_owned()]).await
}

/// One page of the visible workspaces, oldest first, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &WorkspaceFilter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Workspace>, i64), StoreError> {
    // Only ASCII: that is what LOWER knows on both databases.
    let part = filter.name_part.as_deref().unwrap_or_default().to_ascii_lowercase();
    let pattern = format!("%{}%", part.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    let is_narrowed = !part.is_empty() || filter.project_id.is_some();
    let filters = values![*id, pattern, filter.project_id];
    let (list, count, shared) = match visible_to(visibility) {
        None if *visibility == Visibility::Nothing => return Ok((Vec::new(), 0)),
        None if is_narrowed => (&LIST, &COUNT, filters),
        None => (&LIST_ALL, &COUNT_ALL, values![*id]),
        Some(who) => (&LIST_VISIBLE, &COUNT_VISIBLE, [filters, who].concat()),
    };
    let total = tx.scalar(count, shared.clone()).await?;
    let rows = tx.all(list, [shared, values![limit, offset]].concat()).await?;
    Ok((rows, total.unwrap_or(0)))
}

/// The three values of a statement that shows what one may see: the only thing, the person, the team. None if it shows
/// all or nothing.
pub(crate) fn visible_to(visibility: &Visibility) -> Option<Vec<Val>> {
    let (mut only, mut user, mut team) = (None, None, None);
    match visibility {
        Visibility::Nothing | Visibility::All => return None,
        Visibility::Workspace(id) => only = Some(id.clone()),
        Visibility::OfUser(id) => user = Some(id.clone()),
        Visibility::OfTeam(id) => team = Some(id.clone()),
    }
    Some(values![only, user, team])
}

/// The workspaces of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&WorkspaceId]) -> Result<Vec<Workspace>, StoreError> {
    tx.many(&BY_IDS, ids).await
}

/// Number of workspaces of each project of an organization; projects without any are not named.
pub async fn count_by_project(
    tx: &mut Tx,
    id: &OrganizationId,
) -> Result<std::collections::HashMap<ProjectId, i64>, StoreError> {
    let rows = tx.rows(&COUNT_BY_PROJECT, values![*id]).await?;
    Ok(rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect::<Result<_, sqlx::Error>>()?)
}

/// Number of a project's workspaces.
pub async fn count_in_project(tx: &mut Tx, id: &ProjectId) -> Result<i64, StoreError> {
    Ok(tx.scalar(&COUNT_IN_PROJECT, values![*id]).await?.unwrap_or(0))
}

/// Writes the settings that people may change.
pub async fn update_settings(tx: &mut Tx, workspace: &Workspace) -> Result<bool, StoreError> {
    let values = values![
        workspace.id,
        workspace.name,
        workspace.description,
        workspace.execution_mode,
        workspace.auto_apply,
        workspace.allow_destroy_plan,
        workspace.terraform_version,
        workspace.working_directory,
        workspace.structured_run_output_enabled,
        workspace.project_id,
        workspace.updated_at,
    ];
    tx.changed(&UPDATE_SETTINGS, values).await
}

/// Takes the lock if nobody holds it.
pub async fn lock(tx: &mut Tx, id: &WorkspaceId, holder: &LockHolder, reason: &str) -> Result<bool, StoreError> {
    tx.changed(&LOCK, values![*id, *holder, reason.to_owned()]).await
}

/// Gives the lock back if `holder` holds it.
pub async fn unlock(tx: &mut Tx, id: &WorkspaceId, holder: &LockHolder) -> Result<bool, StoreError> {
    tx.changed(&UNLOCK, values![*id, *holder]).await
}

/// Turns one holder's lock into another's without letting it go.
pub async fn hand_over_lock(
    tx: &mut Tx,
    id: &WorkspaceId,
    from: &LockHolder,
    to: &LockHolder,
    reason: &str,
) -> Result<bool, StoreError> {
    tx.changed(&HAND_OVER_LOCK, values![*id, *from, *to, reason.to_owned()]).await
}

/// Names the run that holds the queue.
pub async fn set_current_run(tx: &mut Tx, id: &WorkspaceId, run_id: &RunId) -> Result<(), StoreError> {
    tx.execute(&SET_CURRENT_RUN, values![*id, *run_id]).await.map(drop)
}

/// Names the newest state.
pub async fn set_current_state(
    tx: &mut Tx,
    id: &WorkspaceId,
    state_version_id: &StateVersionId,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(&SET_CURRENT_STATE, values![*id, *state_version_id, now]).await.map(drop)
}
