//! Look-ups that name the action: nobody gets a row without saying what for, and what the caller may not see is
//! missing.
//!
//! What is changed as a whole is looked up by the `held_` form, which holds the row before anything is asked: what is
//! judged and written back then is what no other request is changing.

use terrane_domain::access::{
    Action, Allowed, Authorized, Caller, CredentialKind, Membership, Scope, Standing, Target, decide,
};
use terrane_domain::agent_pools::AgentPool;
use terrane_domain::ids::{
    AgentPoolId, OrganizationId, ProjectId, ReservedTagKeyId, RunId, TeamId, VariableId, WorkspaceId,
};
use terrane_domain::organizations::{Organization, is_name};
use terrane_domain::projects::Project;
use terrane_domain::reserved_tag_keys::ReservedTagKey;
use terrane_domain::runs::Run;
use terrane_domain::teams::Team;
use terrane_domain::variables::Variable;
use terrane_domain::workspaces::Workspace;
use terrane_store::{Held, Tx, standings};

use crate::{AppError, AppResult};

/// An organization, and what the caller is at one place of it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) organization: Organization,
    pub(crate) standing: Standing,
}

impl Place {
    /// Whether the caller may do `action` to `target`; what he may not do looks missing.
    pub(crate) fn judge(&self, caller: &Caller, action: Action, target: Target<'_>) -> AppResult<Allowed> {
        let scope = Scope { organization_id: &self.organization.id, target, standing: &self.standing };
        decide(caller, action, scope).map_err(|reason| {
            tracing::debug!(actor = caller.actor(), %action, %reason, "refused");
            AppError::NotFound
        })
    }

    /// What the caller may do to `target`.
    pub(crate) fn actions(&self, caller: &Caller, target: Target<'_>) -> Vec<Action> {
        actions(caller, Scope { organization_id: &self.organization.id, target, standing: &self.standing })
    }
}

/// What the caller may do there.
pub(crate) fn actions(caller: &Caller, scope: Scope<'_>) -> Vec<Action> {
    Action::ALL.iter().copied().filter(|action| decide(caller, *action, scope).is_ok()).collect()
}

async fn place(
    tx: &mut Tx,
    caller: &Caller,
    organization: Option<Organization>,
    place: standings::Place<'_>,
) -> AppResult<Place> {
    let organization = organization.ok_or(AppError::NotFound)?;
    let standing = standings::of(tx, &caller.principal, &organization.id, place).await?;
    if standing.membership != Membership::None && is_refused(caller, &organization) {
        return Err(AppError::Unauthorized);
    }
    Ok(Place { organization, standing })
}

/// Whether the organization takes no tokens of people, and the caller showed one. To its members it is no secret that
/// it exists: they are told that it is their token.
pub(crate) fn is_refused(caller: &Caller, organization: &Organization) -> bool {
    caller.kind == CredentialKind::User && !organization.user_tokens_enabled
}

async fn place_in(
    tx: &mut Tx,
    caller: &Caller,
    organization_id: &OrganizationId,
    at: standings::Place<'_>,
) -> AppResult<Place> {
    let organization = terrane_store::organizations::by_id(tx, organization_id).await?;
    place(tx, caller, organization, at).await
}

/// What the caller is in an organization, whatever he may do there.
pub(crate) async fn place_in_organization(tx: &mut Tx, caller: &Caller, id: &OrganizationId) -> AppResult<Place> {
    place_in(tx, caller, id, standings::Place::default()).await
}

/// What the caller is at a workspace, whatever he may do there.
pub(crate) async fn place_of_workspace(tx: &mut Tx, caller: &Caller, workspace: &Workspace) -> AppResult<Place> {
    let at = standings::Place { project_id: Some(&workspace.project_id), workspace_id: Some(&workspace.id) };
    place_in(tx, caller, &workspace.organization_id, at).await
}

/// An organization by name, with what the caller is in it.
pub(crate) async fn organization(
    tx: &mut Tx,
    caller: &Caller,
    name: &str,
    action: Action,
) -> AppResult<Authorized<Place>> {
    let found = if is_name(name) { terrane_store::organizations::by_name(tx, name).await? } else { None };
    let place = place(tx, caller, found, standings::Place::default()).await?;
    let allowed = place.judge(caller, action, Target::Organization)?;
    Ok(Authorized::new(place, allowed))
}

/// The same, held.
pub(crate) async fn held_organization(
    tx: &mut Tx,
    caller: &Caller,
    name: &str,
    action: Action,
) -> AppResult<(Authorized<Held<Organization>>, Place)> {
    let held = if is_name(name) { terrane_store::organizations::held(tx, name).await? } else { None };
    let held = held.ok_or(AppError::NotFound)?;
    let found = organization(tx, caller, name, action).await?;
    let place = Place::clone(&found);
    Ok((found.with(held), place))
}

/// A project, and what the caller is there.
pub(crate) async fn project(
    tx: &mut Tx,
    caller: &Caller,
    id: &ProjectId,
    action: Action,
) -> AppResult<(Authorized<Project>, Place)> {
    let found = terrane_store::projects::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let at = standings::Place { project_id: Some(id), workspace_id: None };
    let place = place_in(tx, caller, &found.organization_id, at).await?;
    let is_default = place.organization.default_project_id == *id;
    let allowed = place.judge(caller, action, Target::Project { is_default })?;
    Ok((Authorized::new(found, allowed), place))
}

/// The same, held.
pub(crate) async fn held_project(
    tx: &mut Tx,
    caller: &Caller,
    id: &ProjectId,
    action: Action,
) -> AppResult<(Authorized<Held<Project>>, Place)> {
    let held = terrane_store::projects::held(tx, id).await?.ok_or(AppError::NotFound)?;
    let (found, place) = project(tx, caller, id, action).await?;
    Ok((found.with(held), place))
}

/// A team, and what the caller is in its organization.
pub(crate) async fn team(
    tx: &mut Tx,
    caller: &Caller,
    id: &TeamId,
    action: Action,
) -> AppResult<(Authorized<Team>, Place)> {
    let found = terrane_store::teams::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = place_in_organization(tx, caller, &found.organization_id).await?;
    let allowed = place.judge(caller, action, Target::Team(found.facts()))?;
    Ok((Authorized::new(found, allowed), place))
}

/// The same, held.
pub(crate) async fn held_team(
    tx: &mut Tx,
    caller: &Caller,
    id: &TeamId,
    action: Action,
) -> AppResult<(Authorized<Held<Team>>, Place)> {
    let held = terrane_store::teams::held(tx, id).await?.ok_or(AppError::NotFound)?;
    let (found, place) = team(tx, caller, id, action).await?;
    Ok((found.with(held), place))
}

/// How a client names a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkspaceKey {
    /// By its id.
    Id(WorkspaceId),
    /// By the names of its organization and itself.
    Name {
        /// The organization.
        organization: String,
        /// The workspace.
        workspace: String,
    },
}

/// A workspace.
pub(crate) async fn workspace(
    tx: &mut Tx,
    caller: &Caller,
    key: &WorkspaceKey,
    action: Action,
) -> AppResult<Authorized<Workspace>> {
    Ok(workspace_with_place(tx, caller, key, action).await?.0)
}

/// A workspace, and what the caller is there.
pub(crate) async fn workspace_with_place(
    tx: &mut Tx,
    caller: &Caller,
    key: &WorkspaceKey,
    action: Action,
) -> AppResult<(Authorized<Workspace>, Place)> {
    let found = match key {
        WorkspaceKey::Id(id) => terrane_store::workspaces::by_id(tx, id).await?,
        WorkspaceKey::Name { organization, workspace } if may_name(organization, workspace) => {
            terrane_store::workspaces::by_names(tx, organization, workspace).await?
        }
        WorkspaceKey::Name { .. } => None,
    };
    let found = found.ok_or(AppError::NotFound)?;
    let place = place_of_workspace(tx, caller, &found).await?;
    let allowed = place.judge(caller, action, Target::Workspace(&found.id))?;
    Ok((Authorized::new(found, allowed), place))
}

/// The same, held.
pub(crate) async fn held_workspace(
    tx: &mut Tx,
    caller: &Caller,
    key: &WorkspaceKey,
    action: Action,
) -> AppResult<(Authorized<Held<Workspace>>, Place)> {
    let held = match key {
        WorkspaceKey::Id(id) => terrane_store::workspaces::held(tx, id).await?,
        WorkspaceKey::Name { organization, workspace } if may_name(organization, workspace) => {
            terrane_store::workspaces::held_by_names(tx, organization, workspace).await?
        }
        WorkspaceKey::Name { .. } => None,
    };
    let held = held.ok_or(AppError::NotFound)?;
    let (found, place) = workspace_with_place(tx, caller, &WorkspaceKey::Id(held.id.clone()), action).await?;
    Ok((found.with(held), place))
}

/// Whether a workspace can have these names. Of others there is none, and not every database can be asked for them.
fn may_name(organization: &str, workspace: &str) -> bool {
    is_name(organization) && is_name(workspace)
}

/// A run; the right is asked for in its workspace.
pub(crate) async fn run(tx: &mut Tx, caller: &Caller, id: &RunId, action: Action) -> AppResult<Authorized<Run>> {
    Ok(run_with_place(tx, caller, id, action).await?.0)
}

/// A run, and what the caller is in its workspace.
pub(crate) async fn run_with_place(
    tx: &mut Tx,
    caller: &Caller,
    id: &RunId,
    action: Action,
) -> AppResult<(Authorized<Run>, Place)> {
    let found = terrane_store::runs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let key = WorkspaceKey::Id(found.workspace_id.clone());
    let (workspace, place) = workspace_with_place(tx, caller, &key, action).await?;
    Ok((workspace.with(found), place))
}

/// A run for who changes it: its workspace is held, which comes before what lies below it.
pub(crate) async fn run_of_held_workspace(
    tx: &mut Tx,
    caller: &Caller,
    id: &RunId,
    action: Action,
) -> AppResult<Authorized<Run>> {
    let found = terrane_store::runs::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    terrane_store::workspaces::hold(tx, &found.workspace_id).await?;
    run(tx, caller, id, action).await
}

/// An agent pool, and what the caller is in its organization.
pub(crate) async fn agent_pool(
    tx: &mut Tx,
    caller: &Caller,
    id: &AgentPoolId,
    action: Action,
) -> AppResult<(Authorized<AgentPool>, Place)> {
    let found = terrane_store::agent_pools::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = place_in_organization(tx, caller, &found.organization_id).await?;
    let allowed = place.judge(caller, action, Target::Organization)?;
    Ok((Authorized::new(found, allowed), place))
}

/// The same, held.
pub(crate) async fn held_agent_pool(
    tx: &mut Tx,
    caller: &Caller,
    id: &AgentPoolId,
    action: Action,
) -> AppResult<(Authorized<Held<AgentPool>>, Place)> {
    let held = terrane_store::agent_pools::held(tx, id).await?.ok_or(AppError::NotFound)?;
    let (found, place) = agent_pool(tx, caller, id, action).await?;
    Ok((found.with(held), place))
}

/// A reserved tag key, held.
pub(crate) async fn held_reserved_tag_key(
    tx: &mut Tx,
    caller: &Caller,
    id: &ReservedTagKeyId,
    action: Action,
) -> AppResult<Authorized<Held<ReservedTagKey>>> {
    let found = terrane_store::reserved_tag_keys::held(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = place_in_organization(tx, caller, &found.organization_id).await?;
    let allowed = place.judge(caller, action, Target::Organization)?;
    Ok(Authorized::new(found, allowed))
}

/// A variable; the right is asked for in its workspace, which must be `workspace_id` if that is given.
pub(crate) async fn variable(
    tx: &mut Tx,
    caller: &Caller,
    workspace_id: Option<&WorkspaceId>,
    id: &VariableId,
    action: Action,
) -> AppResult<Authorized<Variable>> {
    let found = terrane_store::variables::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    if workspace_id.is_some_and(|wanted| *wanted != found.workspace_id) {
        return Err(AppError::NotFound);
    }
    let key = WorkspaceKey::Id(found.workspace_id.clone());
    Ok(workspace(tx, caller, &key, action).await?.with(found))
}

/// The same, held.
pub(crate) async fn held_variable(
    tx: &mut Tx,
    caller: &Caller,
    workspace_id: Option<&WorkspaceId>,
    id: &VariableId,
    action: Action,
) -> AppResult<Authorized<Held<Variable>>> {
    let held = terrane_store::variables::held(tx, id).await?.ok_or(AppError::NotFound)?;
    Ok(variable(tx, caller, workspace_id, id, action).await?.with(held))
}
