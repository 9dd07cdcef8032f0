//! Rows of workspaces.

use terrane_domain::ids::{OrganizationId, ProjectId, RunId, StateVersionId, WorkspaceId};
use terrane_domain::workspaces::{LockHolder, RunStatistics, Workspace};

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;

pub(crate) mod deletion;
pub(crate) mod lists;

pub use deletion::{Deleted, delete};
pub use lists::{WorkspaceFilter, list};

record!(Workspace, "workspaces", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38", {
    id, organization_id, project_id, name, description, execution_mode, agent_pool_id, assessments_enabled, auto_apply,
    auto_apply_run_trigger, auto_destroy_at, auto_destroy_activity_duration, inherits_project_auto_destroy,
    allow_destroy_plan, file_triggers_enabled, trigger_prefixes, trigger_patterns, global_remote_state,
    project_remote_state, queue_all_runs, source, source_name, source_url, speculative_enabled, engine,
    terraform_version, working_directory, structured_run_output_enabled, lock_holder, lock_reason, current_run_id,
    current_state_version_id, current_configuration_version_id, resource_count, statistics, latest_change_at,
    created_at, updated_at
});

statements! {
    INSERT: Workspace = insert;
    BY_ID: Workspace = select "WHERE id = $1";
    HELD: Workspace = held "WHERE id = $1";
    BY_NAME: Workspace = select "WHERE organization_id = $1 AND name = $2";
    BY_NAMES: Workspace = select "WHERE organization_id = (SELECT id FROM organizations WHERE name = $1) AND name = $2";
    HELD_BY_NAMES: Workspace = held "WHERE organization_id = (SELECT id FROM organizations WHERE name = $1) AND name = $2";
    COUNT_IN_PROJECT = "SELECT COUNT(*) FROM workspaces WHERE project_id = $1";
    COUNT_BY_PROJECT = "SELECT project_id, COUNT(*) FROM workspaces WHERE project_id IN (SELECT id FROM projects WHERE organization_id = $1) GROUP BY project_id";
    BY_IDS: Workspace = select_many "id";
    UPDATE_SETTINGS = "UPDATE workspaces SET name = $2, description = $3, execution_mode = $4, agent_pool_id = $5, assessments_enabled = $6, auto_apply = $7, auto_apply_run_trigger = $8, auto_destroy_at = $9, auto_destroy_activity_duration = $10, inherits_project_auto_destroy = $11, allow_destroy_plan = $12, file_triggers_enabled = $13, trigger_prefixes = $14, trigger_patterns = $15, global_remote_state = $16, project_remote_state = $17, queue_all_runs = $18, source_name = $19, source_url = $20, speculative_enabled = $21, engine = $22, terraform_version = $23, working_directory = $24, structured_run_output_enabled = $25, project_id = $26, updated_at = $27, latest_change_at = $28 WHERE id = $1";
    LOCK = "UPDATE workspaces SET lock_holder = $2, lock_reason = $3 WHERE id = $1 AND lock_holder IS NULL";
    UNLOCK = "UPDATE workspaces SET lock_holder = NULL, lock_reason = NULL WHERE id = $1 AND lock_holder = $2";
    HAND_OVER_LOCK = "UPDATE workspaces SET lock_holder = $3, lock_reason = $4 WHERE id = $1 AND lock_holder = $2";
    SET_CURRENT_RUN = "UPDATE workspaces SET current_run_id = $2, latest_change_at = $3 WHERE id = $1";
    SET_CURRENT_STATE = "UPDATE workspaces SET current_state_version_id = $2, resource_count = $3, updated_at = $4, latest_change_at = $4 WHERE id = $1";
    SET_STATISTICS = "UPDATE workspaces SET statistics = $2 WHERE id = $1";
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

/// The workspace of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &WorkspaceId) -> Result<Option<Held<Workspace>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// The workspace of this name in the organization of this name, held until the transaction ends.
pub async fn held_by_names(tx: &mut Tx, organization: &str, name: &str) -> Result<Option<Held<Workspace>>, StoreError> {
    tx.held(&HELD_BY_NAMES, values![organization.to_owned(), name.to_owned()]).await
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
    rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect()
}

/// Number of a project's workspaces.
pub async fn count_in_project(tx: &mut Tx, id: &ProjectId) -> Result<i64, StoreError> {
    Ok(tx.scalar(&COUNT_IN_PROJECT, values![*id]).await?.unwrap_or(0))
}

/// Writes the settings that people may change.
pub async fn update_settings(tx: &mut Tx, workspace: &Held<Workspace>) -> Result<(), StoreError> {
    let values = values![
        workspace.id,
        workspace.name,
        workspace.description,
        workspace.execution_mode,
        workspace.agent_pool_id,
        workspace.assessments_enabled,
        workspace.auto_apply,
        workspace.auto_apply_run_trigger,
        workspace.auto_destroy_at,
        workspace.auto_destroy_activity_duration,
        workspace.inherits_project_auto_destroy,
        workspace.allow_destroy_plan,
        workspace.file_triggers_enabled,
        workspace.trigger_prefixes,
        workspace.trigger_patterns,
        workspace.global_remote_state,
        workspace.project_remote_state,
        workspace.queue_all_runs,
        workspace.source_name,
        workspace.source_url,
        workspace.speculative_enabled,
        workspace.engine,
        workspace.terraform_version,
        workspace.working_directory,
        workspace.structured_run_output_enabled,
        workspace.project_id,
        workspace.updated_at,
        workspace.latest_change_at,
    ];
    tx.execute(&UPDATE_SETTINGS, values).await.map(drop)
}

/// Lets no other transaction change the workspace until this one ends: what is read of it from here on stays true.
pub async fn hold(tx: &mut Tx, id: &WorkspaceId) -> Result<(), StoreError> {
    held(tx, id).await.map(drop)
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
    let now = tx.now();
    tx.execute(&SET_CURRENT_RUN, values![*id, *run_id, now]).await.map(drop)
}

/// Names the newest state, and how many managed resources it has.
pub async fn set_current_state(
    tx: &mut Tx,
    id: &WorkspaceId,
    state_version_id: &StateVersionId,
    resource_count: i64,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(&SET_CURRENT_STATE, values![*id, *state_version_id, resource_count, now]).await.map(drop)
}

/// Keeps how the newest runs went.
pub async fn set_statistics(tx: &mut Tx, id: &WorkspaceId, statistics: RunStatistics) -> Result<(), StoreError> {
    tx.execute(&SET_STATISTICS, values![*id, statistics]).await.map(drop)
}
