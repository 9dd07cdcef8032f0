//! Projects as callers see them: list, read, create, update, delete. Moving workspaces has a file of its own.

mod moves;

use std::collections::HashMap;

use serde_json::json;
use terrane_domain::access::{Action, Caller, Target, visible_projects};
use terrane_domain::execution::{Execution, ExecutionChange};
use terrane_domain::ids::ProjectId;
use terrane_domain::projects::{MAX_DESCRIPTION, Project, WRONG_NAME, is_name};
use terrane_domain::tag_bindings::Taggable;
use terrane_domain::workspaces::{WRONG_ACTIVITY_DURATION, activity_duration};
use terrane_store::standings::Grants;
use terrane_store::{Tx, standings};

pub use moves::move_workspaces;
pub use terrane_store::projects::ProjectFilter;

use crate::lookups::{self, Place};
use crate::workspaces::{NAME_TAKEN, name_taken};
use crate::{App, AppError, AppResult, entropy, events, execution, tag_bindings};

/// A project as documents and pages show it.
#[derive(Debug, Clone)]
pub struct ProjectView {
    /// The project.
    pub project: Project,
    /// The organization's name.
    pub organization: String,
    /// Where runs of its workspaces happen that do not say so themselves.
    pub execution: Execution,
    /// Workspaces in it.
    pub workspace_count: i64,
    /// Teams that have access to it.
    pub team_count: i64,
    /// What the caller may do to it.
    pub permissions: Vec<Action>,
}

impl ProjectView {
    /// Whether the caller may do `action` to it.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

/// Settings that a request may name; `None` keeps what is, `Some(None)` removes it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "they are those of the project, under its names")]
pub struct ProjectSettings {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub auto_destroy_activity_duration: Option<Option<String>>,
    pub execution: ExecutionChange,
    /// Keys and values that replace what is bound.
    pub tag_bindings: Option<Vec<(String, String)>>,
}

/// One page of projects.
#[derive(Debug, Clone)]
pub struct ProjectPage {
    /// The projects of the page.
    pub views: Vec<ProjectView>,
    /// How many the filter leaves.
    pub matching: i64,
    /// How many the caller may see.
    pub total: i64,
}

async fn views(tx: &mut Tx, caller: &Caller, place: &Place, projects: Vec<Project>) -> AppResult<Vec<ProjectView>> {
    let ids: Vec<_> = projects.iter().map(|project| &project.id).collect();
    let grants = standings::project_grants(tx, &place.standing, &ids).await?;
    views_with(tx, caller, place, projects, &grants).await
}

async fn views_with(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    projects: Vec<Project>,
    grants: &Grants,
) -> AppResult<Vec<ProjectView>> {
    let id = &place.organization.id;
    let (workspaces, teams) = if let [project] = &projects[..] {
        let count = terrane_store::workspaces::count_in_project(tx, &project.id).await?;
        (HashMap::from([(project.id.clone(), count)]), terrane_store::projects::count_teams(tx, id).await?)
    } else {
        let counts = terrane_store::workspaces::count_by_project(tx, id).await?;
        (counts, terrane_store::projects::count_teams(tx, id).await?)
    };
    let view = |project: Project| {
        let standing = grants.at_project(&place.standing, &project.id);
        let here = Place { organization: place.organization.clone(), standing };
        let is_default = place.organization.default_project_id == project.id;
        ProjectView {
            organization: place.organization.name.clone(),
            execution: project.execution(&place.organization),
            workspace_count: workspaces.get(&project.id).copied().unwrap_or(0),
            team_count: teams.get(&project.id).copied().unwrap_or(0),
            permissions: here.actions(caller, Target::Project { is_default }),
            project,
        }
    };
    Ok(projects.into_iter().map(view).collect())
}

async fn view(tx: &mut Tx, caller: &Caller, place: &Place, project: Project) -> AppResult<ProjectView> {
    views(tx, caller, place, vec![project]).await?.pop().ok_or(AppError::NotFound)
}

/// The projects of these ids that the caller may see.
pub(crate) async fn some(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    ids: &[&ProjectId],
) -> AppResult<Vec<ProjectView>> {
    let projects = terrane_store::projects::by_ids(tx, ids).await?;
    let mut views = views(tx, caller, place, projects).await?;
    views.retain(|view| view.may(Action::ReadProject));
    Ok(views)
}

/// One page of an organization's projects that the caller may see, and to which he may do all of `permissions`.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: ProjectFilter,
    permissions: Vec<Action>,
    (limit, offset): (i64, i64),
) -> AppResult<ProjectPage> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadOrganization).await?;
                let id = &found.organization.id;
                let visibility = visible_projects(&caller, id, &found.standing);
                // Which projects he may change takes his rights to each of them: that page is found among all that match.
                let page = if permissions.is_empty() { (limit, offset) } else { (i64::MAX, 0) };
                let (projects, mut counts) = terrane_store::projects::list(tx, id, &visibility, &filter, page).await?;
                let mut views = if permissions.is_empty() {
                    views(tx, &caller, &found, projects).await?
                } else {
                    let grants = standings::all_project_grants(tx, &found.standing).await?;
                    views_with(tx, &caller, &found, projects, &grants).await?
                };
                if !permissions.is_empty() {
                    views.retain(|view| permissions.iter().all(|action| view.may(*action)));
                    counts.matching = i64::try_from(views.len()).unwrap_or(i64::MAX);
                    let count = |rows| usize::try_from(rows).unwrap_or(usize::MAX);
                    views = views.into_iter().skip(count(offset)).take(count(limit)).collect();
                }
                Ok(ProjectPage { views, matching: counts.matching, total: counts.total })
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
                view(tx, &caller, &place, project.into_inner()).await
            })
        })
        .await
}

/// Makes a project.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    mut settings: ProjectSettings,
) -> AppResult<ProjectView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::CreateProject).await?;
                if settings.name.is_none() {
                    return Err(AppError::invalid("name", "Name can't be blank"));
                }
                let id = ProjectId::from_entropy(entropy());
                let mut project = Project::new(id, place.organization.id.clone(), String::new(), tx.now());
                let bindings = settings.tag_bindings.take();
                apply(tx, &place, &mut project, settings).await?;
                terrane_store::projects::insert(tx, &project).await.map_err(name_taken)?;
                let details = json!({ "name": project.name });
                events::record(tx, &caller, &project.organization_id, "project.create", project.id.as_str(), details)
                    .await?;
                bind(tx, &project, bindings).await?;
                view(tx, &caller, &place, project).await
            })
        })
        .await
}

/// Changes settings.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &ProjectId,
    mut settings: ProjectSettings,
) -> AppResult<ProjectView> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_project(tx, &caller, &id, Action::UpdateProject).await?;
                let mut project = found.into_inner();
                let before = project.name.clone();
                let bindings = settings.tag_bindings.take();
                apply(tx, &place, &mut project, settings).await?;
                terrane_store::projects::update(tx, &project).await.map_err(name_taken)?;
                let details = json!({ "name": project.name, "name-before": before });
                events::record(tx, &caller, &project.organization_id, "project.update", id.as_str(), details).await?;
                bind(tx, &project, bindings).await?;
                view(tx, &caller, &place, project.into_inner()).await
            })
        })
        .await
}

async fn apply(tx: &mut Tx, place: &Place, project: &mut Project, settings: ProjectSettings) -> AppResult<()> {
    if let Some(name) = settings.name {
        if !is_name(&name) {
            return Err(AppError::invalid("name", WRONG_NAME));
        }
        let others = terrane_store::projects::of_organization(tx, &project.organization_id).await?;
        if others.iter().any(|other| other.id != project.id && other.name.eq_ignore_ascii_case(&name)) {
            return Err(AppError::invalid("name", NAME_TAKEN));
        }
        project.name = name;
    }
    if let Some(description) = settings.description {
        let text = description.as_deref().unwrap_or_default();
        if text.chars().count() > MAX_DESCRIPTION {
            let detail = format!("Description is too long (maximum is {MAX_DESCRIPTION} characters)");
            return Err(AppError::invalid("description", detail));
        }
        project.description = description;
    }
    if let Some(duration) = settings.auto_destroy_activity_duration {
        if duration.as_deref().is_some_and(|text| activity_duration(text).is_none()) {
            return Err(AppError::invalid("auto-destroy-activity-duration", WRONG_ACTIVITY_DURATION));
        }
        project.auto_destroy_activity_duration = duration;
    }
    if !settings.execution.is_empty() {
        let (own, change) = (project.own_execution(), &settings.execution);
        let own = execution::apply(tx, &place.organization, change, own, execution::OF_PROJECT).await?;
        project.default_execution_mode = own.as_ref().map(|own| own.mode);
        project.default_agent_pool_id = own.and_then(|own| own.agent_pool_id);
    }
    Ok(())
}

async fn bind(tx: &mut Tx, project: &Project, bindings: Option<Vec<(String, String)>>) -> AppResult<()> {
    let Some(bindings) = bindings else { return Ok(()) };
    tag_bindings::replace_in(tx, &project.organization_id, &Taggable::Project(project.id.clone()), bindings).await
}

/// Deletes an empty project that is not the organization's default. Who sees it and may not is told so, as clients know
/// it of this call.
pub async fn delete(app: &App, caller: &Caller, id: &ProjectId) -> AppResult<()> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (project, place) = lookups::project(tx, &caller, &id, Action::ReadProject).await?;
                let is_default = place.organization.default_project_id == id;
                if place.judge(&caller, Action::DeleteProject, Target::Project { is_default }).is_err() {
                    return Err(AppError::Forbidden("You are not authorized to delete this project".to_owned()));
                }
                let refused = |detail: &str| AppError::Invalid { pointer: None, detail: detail.to_owned() };
                if is_default {
                    return Err(refused("The default project of an organization cannot be deleted: workspaces that name no project come here"));
                }
                if !terrane_store::projects::delete(tx, &id).await? {
                    return Err(refused(
                        "Project cannot be deleted while it has workspaces; move or delete them first",
                    ));
                }
                let details = json!({ "name": project.name });
                events::record(tx, &caller, &project.organization_id, "project.delete", id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}
