//! Organizations and projects as callers see them.

use terrane_domain::access::{Action, Caller, CredentialKind, Membership};
use terrane_domain::ids::{OrganizationId, ProjectId, TeamId};
use terrane_domain::organizations::{DEFAULT_PROJECT, OWNERS, Organization, Project, Team, User, is_name};
use terrane_store::Tx;

use crate::{App, AppError, AppResult, entropy, events, lookups};

/// The person behind the caller.
pub async fn account(app: &App, caller: &Caller) -> AppResult<User> {
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    app.store
        .read(move |tx| {
            Box::pin(
                async move { terrane_store::organizations::user_by_id(tx, &user_id).await?.ok_or(AppError::NotFound) },
            )
        })
        .await
}

/// The caller's organizations, by name, with what the caller is in each.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Vec<(Organization, Membership)>> {
    let Some(user_id) = caller.user_id().cloned() else { return Ok(Vec::new()) };
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let mut found = terrane_store::organizations::of_user(tx, &user_id).await?;
                found.retain(|standing| lookups::judge(&caller, Action::ReadOrganization, standing, None).is_ok());
                Ok(found.into_iter().map(|standing| (standing.organization, standing.membership)).collect())
            })
        })
        .await
}

/// An organization by name, with what the caller is in it.
pub async fn read(app: &App, caller: &Caller, name: &str) -> AppResult<(Organization, Membership)> {
    let (caller, name) = (caller.clone(), name.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadOrganization).await?.into_inner();
                Ok((found.organization, found.membership))
            })
        })
        .await
}

/// Makes an organization; the caller becomes its owner.
pub async fn create(app: &App, caller: &Caller, name: String, email: String) -> AppResult<Organization> {
    if !matches!(caller.kind, CredentialKind::User | CredentialKind::Session) {
        return Err(AppError::NotFound);
    }
    let caller = caller.clone();
    app.store.write(move |tx| Box::pin(async move { create_in(tx, &caller, name, email).await })).await
}

pub(crate) async fn create_in(tx: &mut Tx, caller: &Caller, name: String, email: String) -> AppResult<Organization> {
    if !is_name(&name) {
        return Err(AppError::invalid("name", "Name may only contain letters, numbers, dashes and underscores"));
    }
    if terrane_store::organizations::by_name(tx, &name).await?.is_some() {
        return Err(AppError::invalid("name", "Name has already been taken"));
    }
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    let organization = Organization { id: OrganizationId::from_entropy(entropy()), name, email, created_at: tx.now() };
    terrane_store::organizations::insert(tx, &organization).await?;
    let team =
        Team { id: TeamId::from_entropy(entropy()), organization_id: organization.id.clone(), name: OWNERS.to_owned() };
    terrane_store::organizations::insert_team(tx, &team).await?;
    terrane_store::organizations::insert_member(tx, &team.id, &user_id).await?;
    let project = Project {
        id: ProjectId::from_entropy(entropy()),
        organization_id: organization.id.clone(),
        name: DEFAULT_PROJECT.to_owned(),
        created_at: tx.now(),
    };
    terrane_store::organizations::insert_project(tx, &project).await?;
    let details = serde_json::json!({ "name": organization.name });
    events::record(tx, caller, &organization.id, "organization.create", &organization.name, details).await?;
    Ok(organization)
}

/// A project with the number of its workspaces.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// The project.
    pub project: Project,
    /// The organization's name.
    pub organization: String,
    /// Workspaces in it.
    pub workspace_count: i64,
}

/// An organization's projects whose name is one of `names` (letter case ignored), or all.
pub async fn projects(
    app: &App,
    caller: &Caller,
    organization: &str,
    names: Vec<String>,
) -> AppResult<Vec<ProjectView>> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadProject).await?;
                let organization = &found.organization;
                let counts = terrane_store::workspaces::count_by_project(tx, &organization.id).await?;
                let mut views = Vec::new();
                for project in terrane_store::organizations::projects(tx, &organization.id).await? {
                    if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(&project.name)) {
                        let workspace_count = counts.get(&project.id).copied().unwrap_or(0);
                        views.push(ProjectView { project, organization: organization.name.clone(), workspace_count });
                    }
                }
                Ok(views)
            })
        })
        .await
}

/// A project by id.
pub async fn project(app: &App, caller: &Caller, id: &ProjectId) -> AppResult<ProjectView> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let project = terrane_store::organizations::project_by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let allowed = lookups::allow(tx, &caller, Action::ReadProject, &project.organization_id, None).await?;
                let organization = terrane_store::organizations::by_id(tx, &project.organization_id)
                    .await?
                    .ok_or(AppError::NotFound)?;
                let workspace_count = terrane_store::workspaces::count_in_project(tx, &project.id).await?;
                let project = terrane_domain::access::Authorized::new(project, allowed).into_inner();
                Ok(ProjectView { project, organization: organization.name, workspace_count })
            })
        })
        .await
}

/// Makes a project.
pub async fn create_project(app: &App, caller: &Caller, organization: &str, name: String) -> AppResult<ProjectView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::CreateProject).await?;
                let found = &found.organization;
                let is_allowed =
                    |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | ' ');
                if !(3..=40).contains(&name.len()) || !name.chars().all(is_allowed) || name.trim() != name {
                    return Err(AppError::invalid(
                        "name",
                        "Name must have 3 to 40 letters, numbers, spaces, dashes or underscores, and no space at its ends",
                    ));
                }
                let existing = terrane_store::organizations::projects(tx, &found.id).await?;
                if existing.iter().any(|project| project.name.eq_ignore_ascii_case(&name)) {
                    return Err(AppError::invalid("name", "Name has already been taken"));
                }
                let project = Project {
                    id: ProjectId::from_entropy(entropy()),
                    organization_id: found.id.clone(),
                    name,
                    created_at: tx.now(),
                };
                terrane_store::organizations::insert_project(tx, &project).await?;
                let details = serde_json::json!({ "name": project.name });
                events::record(tx, &caller, &found.id, "project.create", project.id.as_str(), details).await?;
                Ok(ProjectView { project, organization: found.name.clone(), workspace_count: 0 })
            })
        })
        .await
}
