//! Rows of agent pools, and of what they admit and keep out.

use std::collections::HashMap;

use terrane_domain::agent_pools::{AgentPool, AgentPoolScope};
use terrane_domain::ids::{AgentPoolId, OrganizationId, ProjectId, WorkspaceId};

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::{Col, Row};

record!(AgentPool, "agent_pools", "$1, $2, $3, $4, $5", { id, organization_id, name, organization_scoped, created_at });

statements! {
    INSERT: AgentPool = insert;
    BY_ID: AgentPool = select "WHERE id = $1";
    HELD: AgentPool = held "WHERE id = $1";
    OF_ORGANIZATION: AgentPool = select "WHERE organization_id = $1 ORDER BY created_at, id";
    UPDATE = "UPDATE agent_pools SET name = $2, organization_scoped = $3 WHERE id = $1";
    DELETE = "DELETE FROM agent_pools WHERE id = $1";
    // Of one pool by $1, or of an organization's by $2; the other is nothing.
    WORKSPACES = "SELECT agent_pool_id, workspace_id, is_excluded FROM agent_pool_workspaces WHERE agent_pool_id = CAST($1 AS TEXT) OR agent_pool_id IN (SELECT id FROM agent_pools WHERE organization_id = CAST($2 AS TEXT)) ORDER BY workspace_id";
    PROJECTS = "SELECT agent_pool_id, project_id FROM agent_pool_projects WHERE agent_pool_id = CAST($1 AS TEXT) OR agent_pool_id IN (SELECT id FROM agent_pools WHERE organization_id = CAST($2 AS TEXT)) ORDER BY project_id";
    // Those that name the pool themselves; what inherits it follows from the project or the organization.
    USED_BY_WORKSPACES = "SELECT agent_pool_id, id FROM workspaces WHERE agent_pool_id = CAST($1 AS TEXT) OR agent_pool_id IN (SELECT id FROM agent_pools WHERE organization_id = CAST($2 AS TEXT)) ORDER BY id";
    INSERT_WORKSPACE = "INSERT INTO agent_pool_workspaces (agent_pool_id, workspace_id, is_excluded) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    INSERT_PROJECT = "INSERT INTO agent_pool_projects (agent_pool_id, project_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    DELETE_WORKSPACES = "DELETE FROM agent_pool_workspaces WHERE agent_pool_id = $1";
    DELETE_PROJECTS = "DELETE FROM agent_pool_projects WHERE agent_pool_id = $1";
}

/// Inserts a pool that admits no single thing.
pub async fn insert(tx: &mut Tx, pool: &AgentPool) -> Result<(), StoreError> {
    tx.execute(&INSERT, pool.values()).await.map(drop)
}

/// The pool of this id.
pub async fn by_id(tx: &mut Tx, id: &AgentPoolId) -> Result<Option<AgentPool>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The pool of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &AgentPoolId) -> Result<Option<Held<AgentPool>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// An organization's pools, oldest first.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<AgentPool>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id]).await
}

/// Writes what people may change of the pool itself.
pub async fn update(tx: &mut Tx, pool: &Held<AgentPool>) -> Result<(), StoreError> {
    tx.execute(&UPDATE, values![pool.id, pool.name, pool.organization_scoped]).await.map(drop)
}

/// Deletes a pool.
pub async fn delete(tx: &mut Tx, id: &AgentPoolId) -> Result<bool, StoreError> {
    tx.changed(&DELETE, values![*id]).await
}

/// What a pool admits and keeps out.
pub async fn scope(tx: &mut Tx, id: &AgentPoolId) -> Result<AgentPoolScope, StoreError> {
    Ok(scopes(tx, Some(id), None).await?.remove(id).unwrap_or_default())
}

/// What each of an organization's pools admits and keeps out; pools for which nothing is said are not named.
pub async fn scopes_of_organization(
    tx: &mut Tx,
    id: &OrganizationId,
) -> Result<HashMap<AgentPoolId, AgentPoolScope>, StoreError> {
    scopes(tx, None, Some(id)).await
}

async fn scopes(
    tx: &mut Tx,
    id: Option<&AgentPoolId>,
    organization_id: Option<&OrganizationId>,
) -> Result<HashMap<AgentPoolId, AgentPoolScope>, StoreError> {
    let wanted = values![id.cloned(), organization_id.cloned()];
    let mut scopes: HashMap<AgentPoolId, AgentPoolScope> = HashMap::new();
    for row in &tx.rows(&WORKSPACES, wanted.clone()).await? {
        let (scope, workspace_id): (_, WorkspaceId) = (of_row(&mut scopes, row)?, Col::get(row, 1)?);
        let list = if bool::get(row, 2)? { &mut scope.excluded_workspaces } else { &mut scope.allowed_workspaces };
        list.push(workspace_id);
    }
    for row in &tx.rows(&PROJECTS, wanted).await? {
        let project_id: ProjectId = Col::get(row, 1)?;
        of_row(&mut scopes, row)?.allowed_projects.push(project_id);
    }
    Ok(scopes)
}

fn of_row<'a>(
    scopes: &'a mut HashMap<AgentPoolId, AgentPoolScope>,
    row: &Row,
) -> Result<&'a mut AgentPoolScope, StoreError> {
    Ok(scopes.entry(Col::get(row, 0)?).or_default())
}

/// The workspaces that name a pool themselves.
pub async fn workspaces_of(tx: &mut Tx, id: &AgentPoolId) -> Result<Vec<WorkspaceId>, StoreError> {
    Ok(workspaces(tx, Some(id), None).await?.remove(id).unwrap_or_default())
}

/// The workspaces that name the pools of an organization themselves, by pool.
pub async fn workspaces_of_organization(
    tx: &mut Tx,
    id: &OrganizationId,
) -> Result<HashMap<AgentPoolId, Vec<WorkspaceId>>, StoreError> {
    workspaces(tx, None, Some(id)).await
}

async fn workspaces(
    tx: &mut Tx,
    id: Option<&AgentPoolId>,
    organization_id: Option<&OrganizationId>,
) -> Result<HashMap<AgentPoolId, Vec<WorkspaceId>>, StoreError> {
    let mut found: HashMap<AgentPoolId, Vec<WorkspaceId>> = HashMap::new();
    for row in &tx.rows(&USED_BY_WORKSPACES, values![id.cloned(), organization_id.cloned()]).await? {
        found.entry(Col::get(row, 0)?).or_default().push(Col::get(row, 1)?);
    }
    Ok(found)
}

/// Replaces what a pool admits and keeps out.
pub async fn set_scope(tx: &mut Tx, id: &AgentPoolId, scope: &AgentPoolScope) -> Result<(), StoreError> {
    tx.execute(&DELETE_WORKSPACES, values![*id]).await?;
    tx.execute(&DELETE_PROJECTS, values![*id]).await?;
    for (workspaces, is_excluded) in [(&scope.allowed_workspaces, false), (&scope.excluded_workspaces, true)] {
        for workspace_id in workspaces {
            tx.execute(&INSERT_WORKSPACE, values![*id, *workspace_id, is_excluded]).await?;
        }
    }
    for project_id in &scope.allowed_projects {
        tx.execute(&INSERT_PROJECT, values![*id, *project_id]).await?;
    }
    Ok(())
}
