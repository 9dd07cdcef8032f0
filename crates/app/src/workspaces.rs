//! Workspaces: read, list, create, update, lock, unlock.

use std::collections::HashMap;

use serde_json::json;
use terrane_domain::access::{Action, Authorized, Caller, Principal, Target, visible_workspaces};
use terrane_domain::ids::{ProjectId, VariableId, WorkspaceId};
use terrane_domain::organizations::is_name;
use terrane_domain::workspaces::{ExecutionMode, LockConflict, LockHolder, Workspace};
pub use terrane_store::workspaces::WorkspaceFilter;
use terrane_store::{Tx, standings};

use crate::lookups::Place;
pub use crate::lookups::WorkspaceKey;
use crate::{App, AppError, AppResult, entropy, events, lookups, queue};

/// A workspace as documents and pages show it.
#[derive(Debug, Clone)]
pub struct WorkspaceView {
    /// The workspace.
    pub workspace: Workspace,
    /// The organization's name.
    pub organization: String,
    /// What the caller may do here.
    pub permissions: Vec<Action>,
    /// Its variables, by key, if he may read them.
    pub variable_ids: Vec<VariableId>,
}

impl WorkspaceView {
    /// Whether the caller may do `action` here.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

/// Settings that a request may name; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct WorkspaceSettings {
    /// Name.
    pub name: Option<String>,
    /// Description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// Execution mode.
    pub execution_mode: Option<String>,
    /// Auto-apply.
    pub auto_apply: Option<bool>,
    /// Whether destroy plans may be queued.
    pub allow_destroy_plan: Option<bool>,
    /// Engine version.
    pub terraform_version: Option<String>,
    /// Folder of the root module.
    pub working_directory: Option<Option<String>>,
    /// Structured run output.
    pub structured_run_output_enabled: Option<bool>,
    /// Project.
    pub project_id: Option<ProjectId>,
}

/// The view of a workspace at which the caller's standing is `place`.
async fn view(tx: &mut Tx, caller: &Caller, place: &Place, workspace: Workspace) -> AppResult<WorkspaceView> {
    let variable_ids = terrane_store::variables::ids_of_workspaces(tx, &[&workspace.id]).await?;
    Ok(view_with(caller, place, workspace, &variable_ids))
}

fn view_with(
    caller: &Caller,
    place: &Place,
    workspace: Workspace,
    variable_ids: &HashMap<WorkspaceId, Vec<VariableId>>,
) -> WorkspaceView {
    let permissions = place.actions(caller, Target::Workspace(&workspace.id));
    let variable_ids = variable_ids.get(&workspace.id).filter(|_| permissions.contains(&Action::ReadVariables));
    WorkspaceView {
        organization: place.organization.name.clone(),
        variable_ids: variable_ids.cloned().unwrap_or_default(),
        permissions,
        workspace,
    }
}

/// The views of an organization's workspaces, by as many statements for a page of them as for one.
async fn views(tx: &mut Tx, caller: &Caller, place: &Place, rows: Vec<Workspace>) -> AppResult<Vec<WorkspaceView>> {
    let places: Vec<_> = rows.iter().map(|row| (&row.project_id, &row.id)).collect();
    let grants = standings::grants(tx, &place.standing, &places).await?;
    let ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
    let variable_ids = terrane_store::variables::ids_of_workspaces(tx, &ids).await?;
    let here = |row: &Workspace| Place {
        organization: place.organization.clone(),
        standing: grants.at(&place.standing, &row.project_id, &row.id),
    };
    Ok(rows.into_iter().map(|row| view_with(caller, &here(&row), row, &variable_ids)).collect())
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
                let id = &found.organization.id;
                let visibility = visible_workspaces(&caller, id, &found.standing);
                let (rows, total) =
                    terrane_store::workspaces::list(tx, id, &visibility, &filter, limit, offset).await?;
                Ok((views(tx, &caller, &found, rows).await?, total))
            })
        })
        .await
}

async fn apply_settings(
    tx: &mut Tx,
    caller: &Caller,
    workspace: &mut Workspace,
    settings: WorkspaceSettings,
) -> AppResult<()> {
    if let Some(name) = settings.name {
        if !is_name(&name) {
            return Err(AppError::invalid("name", "Name may only contain letters, numbers, dashes and underscores"));
        }
        let namesake = terrane_store::workspaces::by_name(tx, &workspace.organization_id, &name).await?;
        if namesake.is_some_and(|other| other.id != workspace.id) {
            return Err(AppError::invalid("name", "Name has already been taken"));
        }
        workspace.name = name;
    }
    if let Some(mode) = settings.execution_mode {
        workspace.execution_mode = match mode.parse() {
            Ok(ExecutionMode::Agent) => {
                return Err(AppError::invalid(
                    "agent-pool-id",
                    "Agent pool must be specified when using 'agent' execution mode",
                ));
            }
            Ok(mode) => mode,
            Err(_) => return Err(AppError::invalid("execution-mode", "Execution mode must be remote, local or agent")),
        };
    }
    if let Some(version) = settings.terraform_version {
        let is_version = version == "latest"
            || (version.starts_with(|first: char| first.is_ascii_digit() || "~><=! ".contains(first))
                && version
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || " .,~><=!-+".contains(character)));
        if !is_version {
            return Err(AppError::invalid(
                "terraform-version",
                "Terraform version must be a version such as 1.11.4, a constraint such as ~> 1.11, or latest",
            ));
        }
        workspace.terraform_version = version;
    }
    if let Some(directory) = settings.working_directory {
        let directory = directory.unwrap_or_default();
        if directory.split('/').any(|part| part == "..") || directory.contains('\0') {
            return Err(AppError::invalid("working-directory", "Working directory must lie inside the configuration"));
        }
        directory.trim_matches('/').clone_into(&mut workspace.working_directory);
    }
    if let Some(project_id) = settings.project_id
        && project_id != workspace.project_id
    {
        lookups::project(tx, caller, &workspace.project_id, Action::MoveWorkspace).await?;
        let (project, _) = lookups::project(tx, caller, &project_id, Action::MoveWorkspace).await?;
        if project.organization_id != workspace.organization_id {
            return Err(AppError::NotFound);
        }
        workspace.project_id = project_id;
    }
    if let Some(description) = settings.description {
        workspace.description = description;
    }
    workspace.auto_apply = settings.auto_apply.unwrap_or(workspace.auto_apply);
    workspace.allow_destroy_plan = settings.allow_destroy_plan.unwrap_or(workspace.allow_destroy_plan);
    workspace.structured_run_output_enabled =
        settings.structured_run_output_enabled.unwrap_or(workspace.structured_run_output_enabled);
    workspace.updated_at = tx.now();
    Ok(())
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
                let (project, _) = lookups::project(tx, &caller, &project_id, Action::CreateWorkspace).await?;
                if project.organization_id != *organization_id {
                    return Err(AppError::NotFound);
                }
                if settings.name.is_none() {
                    return Err(AppError::invalid("name", "Name can't be blank"));
                }
                let mut workspace = Workspace {
                    id: WorkspaceId::from_entropy(entropy()),
                    organization_id: organization_id.clone(),
                    project_id,
                    name: String::new(),
                    description: None,
                    execution_mode: ExecutionMode::Remote,
                    auto_apply: false,
                    allow_destroy_plan: true,
                    terraform_version: "latest".to_owned(),
                    working_directory: String::new(),
                    structured_run_output_enabled: true,
                    lock_holder: None,
                    lock_reason: None,
                    current_run_id: None,
                    current_state_version_id: None,
                    current_configuration_version_id: None,
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                apply_settings(tx, &caller, &mut workspace, settings).await?;
                terrane_store::workspaces::insert(tx, &workspace).await?;
                let details = json!({ "name": workspace.name });
                events::record(tx, &caller, organization_id, "workspace.create", workspace.id.as_str(), details)
                    .await?;
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
                let (found, place) = lookups::workspace_with_place(tx, &caller, &key, Action::UpdateWorkspace).await?;
                let mut workspace = found.into_inner();
                apply_settings(tx, &caller, &mut workspace, settings).await?;
                terrane_store::workspaces::update_settings(tx, &workspace).await?;
                let (id, details) = (workspace.id.clone(), json!({ "name": workspace.name }));
                events::record(tx, &caller, &workspace.organization_id, "workspace.update", id.as_str(), details)
                    .await?;
                view(tx, &caller, &place, workspace).await
            })
        })
        .await
}

/// The lock that a caller takes: a person his own, a run its own.
pub(crate) fn holder_of(caller: &Caller) -> AppResult<LockHolder> {
    match &caller.principal {
        Principal::User(id) => Ok(LockHolder::User(id.clone())),
        Principal::Team { team_id, .. } => Ok(LockHolder::Team(team_id.clone())),
        Principal::Organization(id) => Ok(LockHolder::Organization(id.clone())),
        Principal::Run { run_id, .. } => Ok(LockHolder::Run(run_id.clone())),
        Principal::Nobody | Principal::Runner(_) => Err(AppError::NotFound),
    }
}

impl From<LockConflict> for AppError {
    fn from(conflict: LockConflict) -> Self {
        match conflict {
            // Not 409: clients throw the text of a 409 away, and with it the hint to try again.
            LockConflict::StatePending => Self::Invalid { pointer: None, detail: conflict.to_string() },
            _ => Self::Conflict(conflict.to_string()),
        }
    }
}

/// Takes the lock for the caller.
pub async fn lock(app: &App, caller: &Caller, key: WorkspaceKey, reason: String) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::LockWorkspace).await?;
                found.may_lock()?;
                let holder = holder_of(&caller)?;
                if !terrane_store::workspaces::lock(tx, &found.id, &holder, &reason).await? {
                    return Err(LockConflict::AlreadyLocked.into());
                }
                after_lock_change(tx, &caller, found, "workspace.lock", json!({ "reason": reason })).await
            })
        })
        .await
}

/// Gives the caller's lock back.
pub async fn unlock(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::LockWorkspace).await?;
                let holder = holder_of(&caller)?;
                found.may_unlock(&holder)?;
                if terrane_store::state_versions::pending(tx, &found.id).await?.is_some() {
                    return Err(LockConflict::StatePending.into());
                }
                if !terrane_store::workspaces::unlock(tx, &found.id, &holder).await? {
                    return Err(LockConflict::NotLocked.into());
                }
                queue::advance(tx, &found.id).await?;
                after_lock_change(tx, &caller, found, "workspace.unlock", json!({})).await
            })
        })
        .await
}

/// Takes anyone's lock away: the way out of a blocked workspace. A live run's lock stays: cancel or discard the run.
pub async fn force_unlock(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<WorkspaceView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::ForceUnlockWorkspace).await?;
                let Some(holder) = found.lock_holder.clone() else { return Err(LockConflict::NotLocked.into()) };
                if let LockHolder::Run(run_id) = &holder {
                    return Err(AppError::Conflict(format!(
                        "Workspace {} is locked by Run {run_id}, which is still under way; cancel or discard that run instead",
                        found.name
                    )));
                }
                terrane_store::state_versions::discard_pending(tx, &found.id).await?;
                if !terrane_store::workspaces::unlock(tx, &found.id, &holder).await? {
                    return Err(LockConflict::NotLocked.into());
                }
                queue::advance(tx, &found.id).await?;
                let details = json!({ "held-by": holder.describe() });
                after_lock_change(tx, &caller, found, "workspace.force-unlock", details).await
            })
        })
        .await
}

async fn after_lock_change(
    tx: &mut Tx,
    caller: &Caller,
    found: Authorized<Workspace>,
    action: &str,
    details: serde_json::Value,
) -> AppResult<WorkspaceView> {
    let (id, organization_id) = (found.id.clone(), found.organization_id.clone());
    events::record(tx, caller, &organization_id, action, id.as_str(), details).await?;
    let changed = terrane_store::workspaces::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
    let place = lookups::place_of_workspace(tx, caller, &changed).await?;
    view(tx, caller, &place, changed).await
}
