//! Workspaces as callers see them: read, list, create, update. What else is done to them has a file of its own.

mod deletion;
mod locks;
mod related;
mod settings;

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use terrane_domain::access::{Action, Caller, Membership, Scope, Standing, Target, visible_workspaces};
use terrane_domain::execution::Execution;
use terrane_domain::ids::{VariableId, WorkspaceId};
use terrane_domain::organizations::Organization;
use terrane_domain::tag_bindings::Taggable;
use terrane_domain::time::Timestamp;
use terrane_domain::workspaces::Workspace;
pub use terrane_store::workspaces::WorkspaceFilter;
use terrane_store::{Held, StoreError, Tx, standings};

pub use deletion::{delete, safe_delete};
pub use locks::{force_unlock, lock, unlock};
pub(crate) use locks::{holder_of, refuse_recovery};
pub use related::{Related, Wanted, related};
pub use settings::WorkspaceSettings;

pub use crate::lookups::WorkspaceKey;
use crate::lookups::{Place, actions};
use crate::{App, AppError, AppResult, entropy, events, lookups, tag_bindings, tags};

/// A workspace as documents and pages show it.
#[derive(Debug, Clone)]
pub struct WorkspaceView {
    /// The workspace.
    pub workspace: Workspace,
    /// The organization's name.
    pub organization: String,
    /// Where its runs happen, by its own settings or what it inherits.
    pub execution: Execution,
    /// After how long without a change everything is to be destroyed, by itself or by its project.
    pub auto_destroy_activity_duration: Option<String>,
    /// When everything is to be destroyed.
    pub auto_destroy_at: Option<Timestamp>,
    /// Its tags, by name.
    pub tag_names: Vec<String>,
    /// What the caller may do here.
    pub permissions: Vec<Action>,
    /// Its variables, by key, if he may read them.
    pub variable_ids: Vec<VariableId>,
    /// Whether the caller may delete it while it manages resources.
    pub can_force_delete: bool,
}

impl WorkspaceView {
    /// Whether the caller may do `action` here.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

/// What is said of a name that another has.
pub(crate) const NAME_TAKEN: &str = "Name has already been taken";

/// A unique name that came second, whatever was read before.
pub(crate) fn name_taken(error: StoreError) -> AppError {
    match error {
        StoreError::Taken => AppError::invalid("name", NAME_TAKEN),
        other => other.into(),
    }
}

/// Whether the caller may delete the workspace while it manages resources.
fn can_force_delete(organization: &Organization, standing: &Standing, permissions: &[Action]) -> bool {
    let is_allowed = organization.allow_force_delete_workspaces;
    permissions.contains(&Action::DeleteWorkspace) && (is_allowed || standing.membership == Membership::Owner)
}

/// The views of an organization's workspaces, by as many statements for a page of them as for one. The caller's
/// standing in `place` is the one in the organization, or at the only workspace.
pub(crate) async fn views(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    rows: Vec<Workspace>,
) -> AppResult<Vec<WorkspaceView>> {
    let places: Vec<_> = rows.iter().map(|row| (&row.project_id, &row.id)).collect();
    let grants = standings::grants(tx, &place.standing, &places).await?;
    let project_ids: BTreeSet<_> = rows.iter().map(|row| &row.project_id).collect();
    let project_ids: Vec<_> = project_ids.into_iter().collect();
    let projects = terrane_store::projects::by_ids(tx, &project_ids).await?;
    let projects: HashMap<_, _> = projects.into_iter().map(|project| (project.id.clone(), project)).collect();
    let ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
    let mut variable_ids = terrane_store::variables::ids_of_workspaces(tx, &ids).await?;
    let mut tag_names: HashMap<_, Vec<_>> = HashMap::new();
    for tag in terrane_store::tags::of_workspaces(tx, &ids).await? {
        tag_names.entry(tag.workspace_id).or_default().push(tag.name);
    }
    let view = |workspace: Workspace| {
        let organization = &place.organization;
        let standing = grants.at(&place.standing, &workspace.project_id, &workspace.id);
        let project = projects.get(&workspace.project_id)?;
        let target = Target::Workspace(&workspace.id);
        let permissions = actions(caller, Scope { organization_id: &organization.id, target, standing: &standing });
        let (auto_destroy_activity_duration, auto_destroy_at) =
            workspace.auto_destroy(project.auto_destroy_activity_duration.as_deref());
        Some(WorkspaceView {
            organization: organization.name.clone(),
            execution: workspace.execution(&project.execution(organization)),
            auto_destroy_activity_duration,
            auto_destroy_at,
            tag_names: tag_names.remove(&workspace.id).unwrap_or_default(),
            can_force_delete: can_force_delete(organization, &standing, &permissions),
            variable_ids: variable_ids
                .remove(&workspace.id)
                .filter(|_| permissions.contains(&Action::ReadVariables))
                .unwrap_or_default(),
            permissions,
            workspace,
        })
    };
    rows.into_iter().map(view).collect::<Option<_>>().ok_or(AppError::NotFound)
}

async fn view(tx: &mut Tx, caller: &Caller, place: &Place, workspace: Workspace) -> AppResult<WorkspaceView> {
    views(tx, caller, place, vec![workspace]).await?.pop().ok_or(AppError::NotFound)
}

/// One workspace.
pub async fn read(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::workspace_with_place(tx, &caller, &key, Action::ReadWorkspace).await?;
                view(tx, &caller, &place, found.into_inner()).await
            })
        })
        .await
}

/// One page of an organization's workspaces that the caller may see, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: WorkspaceFilter,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<WorkspaceView>, i64)> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                list_in(tx, &caller, &found, &filter, limit, offset).await
            })
        })
        .await
}

/// The same for one who is known to see the organization.
pub(crate) async fn list_in(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    filter: &WorkspaceFilter,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<WorkspaceView>, i64)> {
    let id = &place.organization.id;
    let visibility = visible_workspaces(caller, id, &place.standing);
    let (rows, total) = terrane_store::workspaces::list(tx, id, &visibility, filter, limit, offset).await?;
    Ok((views(tx, caller, place, rows).await?, total))
}

/// Makes a workspace.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    mut settings: WorkspaceSettings,
) -> AppResult<WorkspaceView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let organization_id = &found.organization.id;
                let project_id = settings.project_id.take().unwrap_or(found.organization.default_project_id.clone());
                let (project, place) = lookups::project(tx, &caller, &project_id, Action::CreateWorkspace).await?;
                if project.organization_id != *organization_id {
                    return Err(AppError::NotFound);
                }
                if settings.name.is_none() {
                    return Err(AppError::invalid("name", "Name can't be blank"));
                }
                let id = WorkspaceId::from_entropy(entropy());
                let now = tx.now();
                let mut workspace = Workspace::new(id, organization_id.clone(), project_id, String::new(), now);
                terrane_domain::engine_versions::LATEST.clone_into(&mut workspace.terraform_version);
                workspace.source_name = settings.source_name.take();
                workspace.source_url = settings.source_url.take();
                settings::check_source(&workspace)?;
                let (tag_list, bindings) = (settings.tags.take(), settings.tag_bindings.take());
                settings::apply(tx, &caller, &place, &mut workspace, settings).await?;
                terrane_store::workspaces::insert(tx, &workspace).await.map_err(name_taken)?;
                let details = json!({ "name": workspace.name });
                events::record(tx, &caller, organization_id, "workspace.create", workspace.id.as_str(), details)
                    .await?;
                add_tags(tx, &workspace, tag_list, bindings).await?;
                let place = lookups::place_of_workspace(tx, &caller, &workspace).await?;
                view(tx, &caller, &place, workspace).await
            })
        })
        .await
}

/// Changes settings.
pub async fn update(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    settings: WorkspaceSettings,
) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_workspace(tx, &caller, &key, Action::UpdateWorkspace).await?;
                let workspace = update_in(tx, &caller, &place, found.into_inner(), settings).await?;
                let place = lookups::place_of_workspace(tx, &caller, &workspace).await?;
                view(tx, &caller, &place, workspace).await
            })
        })
        .await
}

/// Changes settings of a workspace that the caller may change so. A move is asked for here, since it takes the rights on
/// both projects.
pub(crate) async fn update_in(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    mut workspace: Held<Workspace>,
    mut settings: WorkspaceSettings,
) -> AppResult<Workspace> {
    let before = Workspace::clone(&workspace);
    let (tag_list, bindings) = (settings.tags.take(), settings.tag_bindings.take());
    settings::apply(tx, caller, place, &mut workspace, settings).await?;
    terrane_store::workspaces::update_settings(tx, &workspace).await.map_err(name_taken)?;
    let details = settings::changes(&before, &workspace);
    events::record(tx, caller, &workspace.organization_id, "workspace.update", workspace.id.as_str(), details).await?;
    add_tags(tx, &workspace, tag_list, bindings).await?;
    Ok(workspace.into_inner())
}

/// Tags that come with the settings: words are added, bindings replace what is bound.
async fn add_tags(
    tx: &mut Tx,
    workspace: &Workspace,
    words: Option<Vec<tags::TagReference>>,
    bindings: Option<Vec<(String, String)>>,
) -> AppResult<()> {
    if let Some(words) = words {
        tags::add_in(tx, workspace, &words).await?;
    }
    if let Some(bindings) = bindings {
        let taggable = Taggable::Workspace(workspace.id.clone());
        tag_bindings::replace_in(tx, &workspace.organization_id, &taggable, bindings).await?;
    }
    Ok(())
}
