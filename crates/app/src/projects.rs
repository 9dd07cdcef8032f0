//! Projects as callers see them.

use terrane_domain::access::{Action, Caller, Target, visible_projects};
use terrane_domain::ids::ProjectId;
use terrane_domain::projects::Project;
use terrane_store::standings;

use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// A project as documents and pages show it.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// The project.
    pub project: Project,
    /// The organization's name.
    pub organization: String,
    /// Workspaces in it.
    pub workspace_count: i64,
    /// What the caller may do to it.
    pub permissions: Vec<Action>,
}

impl ProjectView {
    /// Whether the caller may do `action` to it.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

fn view(caller: &Caller, place: &Place, project: Project, workspace_count: i64) -> ProjectView {
    let is_default = place.organization.default_project_id == project.id;
    let permissions = place.actions(caller, Target::Project { is_default });
    ProjectView { organization: place.organization.name.clone(), workspace_count, permissions, project }
}

/// The projects of an organization that the caller may see and whose name is one of `names` (letter case ignored), or
/// all that he may see.
pub async fn list(app: &App, caller: &Caller, organization: &str, names: Vec<String>) -> AppResult<Vec<ProjectView>> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadOrganization).await?;
                let id = &found.organization.id;
                let visibility = visible_projects(&caller, id, &found.standing);
                let mut projects = terrane_store::projects::visible(tx, id, &visibility).await?;
                let is_wanted = |project: &Project| names.iter().any(|name| name.eq_ignore_ascii_case(&project.name));
                projects.retain(|project| names.is_empty() || is_wanted(project));
                let counts = terrane_store::workspaces::count_by_project(tx, id).await?;
                let ids: Vec<_> = projects.iter().map(|project| &project.id).collect();
                let grants = standings::project_grants(tx, &found.standing, &ids).await?;
                let here = |project: &Project| Place {
                    organization: found.organization.clone(),
                    standing: grants.at_project(&found.standing, &project.id),
                };
                let count = |project: &Project| counts.get(&project.id).copied().unwrap_or(0);
                let view = |project: Project| view(&caller, &here(&project), project.clone(), count(&project));
                Ok(projects.into_iter().map(view).collect())
            })
        })
        .await
}

/// A project by id.
pub async fn read(app: &App, caller: &Caller, id: &ProjectId) -> AppResult<ProjectView> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (project, place) = lookups::project(tx, &caller, &id, Action::ReadProject).await?;
                let workspace_count = terrane_store::workspaces::count_in_project(tx, &id).await?;
                Ok(view(&caller, &place, project.into_inner(), workspace_count))
            })
        })
        .await
}

/// Makes a project.
pub async fn create(app: &App, caller: &Caller, organization: &str, name: String) -> AppResult<ProjectView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::CreateProject).await?;
                let found = &place.organization;
                let is_allowed =
                    |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | ' ');
                if !(3..=40).contains(&name.len()) || !name.chars().all(is_allowed) || name.trim() != name {
                    return Err(AppError::invalid(
                        "name",
                        "Name must have 3 to 40 letters, numbers, spaces, dashes or underscores, and no space at its ends",
                    ));
                }
                let existing = terrane_store::projects::of_organization(tx, &found.id).await?;
                if existing.iter().any(|project| project.name.eq_ignore_ascii_case(&name)) {
                    return Err(AppError::invalid("name", "Name has already been taken"));
                }
                let project = Project {
                    id: ProjectId::from_entropy(entropy()),
                    organization_id: found.id.clone(),
                    name,
                    created_at: tx.now(),
                };
                terrane_store::projects::insert(tx, &project).await?;
                let details = serde_json::json!({ "name": project.name });
                events::record(tx, &caller, &found.id, "project.create", project.id.as_str(), details).await?;
                Ok(view(&caller, &place, project, 0))
            })
        })
        .await
}
