//! Rows of organizations.

use terrane_domain::ids::{AgentPoolId, OrganizationId, UserId};
use terrane_domain::organizations::Organization;

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{FOR_UPDATE, Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::wake::Topic;

record!(
    Organization,
    "organizations",
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18",
    {
        id, name, email, default_project_id, session_timeout, session_remember, collaborator_auth_policy,
        cost_estimation_enabled, send_passing_statuses_for_untriggered_speculative_plans,
        aggregated_commit_status_enabled, speculative_plan_management_enabled, assessments_enforced,
        allow_force_delete_workspaces, default_execution_mode, default_agent_pool_id, owners_team_saml_role_id,
        user_tokens_enabled, created_at
    }
);

statements! {
    INSERT_ORGANIZATION: Organization = insert;
    BY_NAME: Organization = select "WHERE name = $1";
    HELD: Organization = held "WHERE name = $1";
    BY_ID: Organization = select "WHERE id = $1";
    OF_USER: Organization = select "WHERE id IN (SELECT organization_id FROM organization_memberships WHERE user_id = $1 AND status = 'active') ORDER BY name";
    UPDATE_SETTINGS = "UPDATE organizations SET name = $2, email = $3, session_timeout = $4, session_remember = $5, collaborator_auth_policy = $6, cost_estimation_enabled = $7, send_passing_statuses_for_untriggered_speculative_plans = $8, aggregated_commit_status_enabled = $9, speculative_plan_management_enabled = $10, assessments_enforced = $11, allow_force_delete_workspaces = $12, default_execution_mode = $13, default_agent_pool_id = $14, owners_team_saml_role_id = $15, user_tokens_enabled = $16 WHERE id = $1";
    USES_AGENT_POOL = "SELECT (SELECT COUNT(*) FROM organizations WHERE id = $1 AND default_agent_pool_id = $2) + (SELECT COUNT(*) FROM projects WHERE organization_id = $1 AND default_agent_pool_id = $2) + (SELECT COUNT(*) FROM workspaces WHERE organization_id = $1 AND agent_pool_id = $2)";
    // Before what lies below them, and in the order in which others take several of them.
    HOLD_WORKSPACES = joined ["SELECT id FROM workspaces WHERE organization_id = $1 ORDER BY id", FOR_UPDATE];
    DELETE_ORGANIZATION = "DELETE FROM organizations WHERE id = $1";
    // Log rows have no foreign key: they are written too often.
    DELETE_LOGS = "DELETE FROM log_chunks WHERE phase_id IN (SELECT p.id FROM run_phases p JOIN runs r ON r.id = p.run_id WHERE r.organization_id = $1)";
}

/// Inserts an organization and makes its key.
pub async fn insert(tx: &mut Tx, organization: &Organization) -> Result<(), StoreError> {
    tx.execute(&INSERT_ORGANIZATION, organization.values()).await?;
    tx.create_organization_key(&organization.id).await
}

/// The organization of this name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_NAME, values![name.to_owned()]).await
}

/// The organization of this name, held until the transaction ends.
pub async fn held(tx: &mut Tx, name: &str) -> Result<Option<Held<Organization>>, StoreError> {
    tx.held(&HELD, values![name.to_owned()]).await
}

/// The organization of this id.
pub async fn by_id(tx: &mut Tx, id: &OrganizationId) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The organizations that a person is a member of, by name.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Organization>, StoreError> {
    tx.all(&OF_USER, values![*user_id]).await
}

/// Writes what people may change.
pub async fn update_settings(tx: &mut Tx, organization: &Held<Organization>) -> Result<(), StoreError> {
    let values = values![
        organization.id,
        organization.name,
        organization.email,
        organization.session_timeout,
        organization.session_remember,
        organization.collaborator_auth_policy,
        organization.cost_estimation_enabled,
        organization.send_passing_statuses_for_untriggered_speculative_plans,
        organization.aggregated_commit_status_enabled,
        organization.speculative_plan_management_enabled,
        organization.assessments_enforced,
        organization.allow_force_delete_workspaces,
        organization.default_execution_mode,
        organization.default_agent_pool_id,
        organization.owners_team_saml_role_id,
        organization.user_tokens_enabled,
    ];
    tx.execute(&UPDATE_SETTINGS, values).await.map(drop)
}

/// Whether a pool is the organization's default, or a project's, or one of its workspaces runs there.
pub async fn uses_agent_pool(tx: &mut Tx, id: &OrganizationId, pool_id: &AgentPoolId) -> Result<bool, StoreError> {
    Ok(tx.scalar::<i64>(&USES_AGENT_POOL, values![*id, *pool_id]).await?.unwrap_or(0) > 0)
}

/// Deletes an organization with every row below it but its events. With its key, what was sealed for it is lost too;
/// its blobs are left to [`crate::Store::remove_blobs_of`].
pub async fn delete(tx: &mut Tx, id: &OrganizationId) -> Result<bool, StoreError> {
    tx.rows(&HOLD_WORKSPACES, values![*id]).await?;
    tx.execute(&DELETE_LOGS, values![*id]).await?;
    let is_deleted = tx.changed(&DELETE_ORGANIZATION, values![*id]).await?;
    tx.forget_organization_key(id);
    tx.wake(Topic::Tokens);
    Ok(is_deleted)
}
