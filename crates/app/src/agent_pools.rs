//! Agent pools as callers see them.

use serde_json::json;
use terrane_domain::access::{Action, Caller, visible_projects};
use terrane_domain::agent_pools::{AgentPool, AgentPoolScope};
use terrane_domain::ids::{AgentPoolId, ProjectId, WorkspaceId};
use terrane_domain::organizations::is_name;
use terrane_store::Tx;

use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// What is said of a name that another has.
const NAME_TAKEN: &str = "Name has already been taken";

/// A pool as documents show it.
#[derive(Debug, Clone)]
pub struct AgentPoolView {
    /// The pool.
    pub pool: AgentPool,
    /// What it admits and keeps out.
    pub scope: AgentPoolScope,
    /// The workspaces that name it themselves.
    pub workspaces: Vec<WorkspaceId>,
    /// The organization's name.
    pub organization: String,
}

/// What a request names; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct AgentPoolChange {
    /// Name.
    pub name: Option<String>,
    /// Whether every workspace may use it.
    pub organization_scoped: Option<bool>,
    /// Workspaces that may.
    pub allowed_workspaces: Option<Vec<WorkspaceId>>,
    /// Projects whose workspaces may.
    pub allowed_projects: Option<Vec<ProjectId>>,
    /// Workspaces that may not.
    pub excluded_workspaces: Option<Vec<WorkspaceId>>,
}

/// By what a list is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum AgentPoolSort {
    Name,
    #[default]
    CreatedAt,
}

/// What a list shows, and in which order.
#[derive(Debug, Clone, Default)]
pub struct AgentPoolFilter {
    /// Part of the name, the case of letters ignored.
    pub query: Option<String>,
    /// Only those that the workspace of this name may use.
    pub allowed_workspace: Option<String>,
    /// Only those that the workspaces of the project of this name may use.
    pub allowed_project: Option<String>,
    /// The order.
    pub sort: AgentPoolSort,
    /// Whether the order is turned around.
    pub is_descending: bool,
}

/// The pools of an organization. They are few: pages are cut from the whole.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: AgentPoolFilter,
) -> AppResult<Vec<AgentPoolView>> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadAgentPools).await?;
                let mut views = views(tx, &found).await?;
                if let Some(part) = filter.query.map(|part| part.to_lowercase()) {
                    views.retain(|view| view.pool.name.to_lowercase().contains(&part));
                }
                if let Some(name) = &filter.allowed_workspace {
                    let id = &found.organization.id;
                    let workspace = terrane_store::workspaces::by_name(tx, id, name).await?;
                    views.retain(|AgentPoolView { pool, scope, .. }| {
                        workspace.as_ref().is_some_and(|one| pool.admits_workspace(scope, &one.id, &one.project_id))
                    });
                }
                if let Some(name) = &filter.allowed_project {
                    let projects = terrane_store::projects::of_organization(tx, &found.organization.id).await?;
                    let project = projects.iter().find(|project| project.name.eq_ignore_ascii_case(name));
                    views.retain(|AgentPoolView { pool, scope, .. }| {
                        project.is_some_and(|project| pool.admits_project(scope, &project.id))
                    });
                }
                if filter.sort == AgentPoolSort::Name {
                    views.sort_by(|one, other| one.pool.name.cmp(&other.pool.name));
                }
                if filter.is_descending {
                    views.reverse();
                }
                Ok(views)
            })
        })
        .await
}

async fn views(tx: &mut Tx, place: &Place) -> AppResult<Vec<AgentPoolView>> {
    let id = &place.organization.id;
    let pools = terrane_store::agent_pools::of_organization(tx, id).await?;
    let mut scopes = terrane_store::agent_pools::scopes_of_organization(tx, id).await?;
    let mut workspaces = terrane_store::agent_pools::workspaces_of_organization(tx, id).await?;
    let view = |pool: AgentPool| AgentPoolView {
        workspaces: workspaces.remove(&pool.id).unwrap_or_default(),
        scope: scopes.remove(&pool.id).unwrap_or_default(),
        organization: place.organization.name.clone(),
        pool,
    };
    Ok(pools.into_iter().map(view).collect())
}

async fn view(tx: &mut Tx, place: &Place, pool: AgentPool) -> AppResult<AgentPoolView> {
    let scope = terrane_store::agent_pools::scope(tx, &pool.id).await?;
    let workspaces = terrane_store::agent_pools::workspaces_of(tx, &pool.id).await?;
    Ok(AgentPoolView { pool, scope, workspaces, organization: place.organization.name.clone() })
}

/// One pool.
pub async fn read(app: &App, caller: &Caller, id: AgentPoolId) -> AppResult<AgentPoolView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (pool, place) = lookups::agent_pool(tx, &caller, &id, Action::ReadAgentPools).await?;
                view(tx, &place, pool.into_inner()).await
            })
        })
        .await
}

fn apply(pool: &mut AgentPool, change: &AgentPoolChange) -> AppResult<()> {
    if let Some(name) = &change.name {
        if !is_name(name) {
            return Err(AppError::invalid("name", "Name may only contain letters, numbers, dashes and underscores"));
        }
        pool.name.clone_from(name);
    }
    pool.organization_scoped = change.organization_scoped.unwrap_or(pool.organization_scoped);
    Ok(())
}

/// Puts what the request names into the scope: only things of the organization that the caller sees.
async fn apply_scope(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    id: &AgentPoolId,
    change: AgentPoolChange,
) -> AppResult<()> {
    let names_any = change.allowed_workspaces.is_some()
        || change.allowed_projects.is_some()
        || change.excluded_workspaces.is_some();
    if !names_any {
        return Ok(());
    }
    let organization_id = &place.organization.id;
    for (relation, list) in
        [("allowed-workspaces", &change.allowed_workspaces), ("excluded-workspaces", &change.excluded_workspaces)]
    {
        let wanted: Vec<&WorkspaceId> = list.iter().flatten().collect();
        let found = terrane_store::workspaces::by_ids(tx, &wanted).await?;
        let is_own = |id: &&WorkspaceId| {
            found.iter().any(|workspace| workspace.id == **id && workspace.organization_id == *organization_id)
        };
        if !wanted.iter().all(is_own) {
            return Err(missing(relation, "Workspace"));
        }
    }
    if let Some(wanted) = &change.allowed_projects {
        let visibility = visible_projects(caller, organization_id, &place.standing);
        let seen = terrane_store::projects::visible(tx, organization_id, &visibility).await?;
        if !wanted.iter().all(|id| seen.iter().any(|project| project.id == *id)) {
            return Err(missing("allowed-projects", "Project"));
        }
    }
    let mut scope = terrane_store::agent_pools::scope(tx, id).await?;
    scope.allowed_workspaces = change.allowed_workspaces.unwrap_or(scope.allowed_workspaces);
    scope.allowed_projects = change.allowed_projects.unwrap_or(scope.allowed_projects);
    scope.excluded_workspaces = change.excluded_workspaces.unwrap_or(scope.excluded_workspaces);
    Ok(terrane_store::agent_pools::set_scope(tx, id, &scope).await?)
}

fn missing(relation: &str, what: &str) -> AppError {
    AppError::Invalid {
        pointer: Some(format!("/data/relationships/{relation}")),
        detail: format!("{what} does not exist in the organization"),
    }
}

/// Makes a pool.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    change: AgentPoolChange,
) -> AppResult<AgentPoolView> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &name, Action::ManageAgentPools).await?;
                if change.name.is_none() {
                    return Err(AppError::invalid("name", "Name can't be blank"));
                }
                let mut pool = AgentPool {
                    id: AgentPoolId::from_entropy(entropy()),
                    organization_id: place.organization.id.clone(),
                    name: String::new(),
                    organization_scoped: true,
                    created_at: tx.now(),
                };
                apply(&mut pool, &change)?;
                terrane_store::agent_pools::insert(tx, &pool).await.map_err(AppError::if_taken("name", NAME_TAKEN))?;
                apply_scope(tx, &caller, &place, &pool.id, change).await?;
                let (id, details) = (pool.id.as_str(), json!({ "name": pool.name }));
                events::record(tx, &caller, &pool.organization_id, "agent-pool.create", id, details).await?;
                view(tx, &place, pool).await
            })
        })
        .await
}

/// Changes a pool. A relation that the request names is replaced as a whole.
pub async fn update(app: &App, caller: &Caller, id: AgentPoolId, change: AgentPoolChange) -> AppResult<AgentPoolView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_agent_pool(tx, &caller, &id, Action::ManageAgentPools).await?;
                let mut pool = found.into_inner();
                apply(&mut pool, &change)?;
                terrane_store::agent_pools::update(tx, &pool).await.map_err(AppError::if_taken("name", NAME_TAKEN))?;
                apply_scope(tx, &caller, &place, &id, change).await?;
                let details = json!({ "name": pool.name });
                events::record(tx, &caller, &pool.organization_id, "agent-pool.update", id.as_str(), details).await?;
                view(tx, &place, pool.into_inner()).await
            })
        })
        .await
}

/// Deletes a pool that nothing needs.
pub async fn delete(app: &App, caller: &Caller, id: AgentPoolId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (pool, _) = lookups::agent_pool(tx, &caller, &id, Action::ManageAgentPools).await?;
                let organization_id = &pool.organization_id;
                if terrane_store::organizations::uses_agent_pool(tx, organization_id, &id).await? {
                    return Err(AppError::Invalid {
                        pointer: None,
                        detail: "The agent pool is in use by the organization, a project or a workspace; let them use another first"
                            .to_owned(),
                    });
                }
                if !terrane_store::agent_pools::delete(tx, &id).await? {
                    return Err(AppError::NotFound);
                }
                let details = json!({ "name": pool.name });
                events::record(tx, &caller, organization_id, "agent-pool.delete", id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}
