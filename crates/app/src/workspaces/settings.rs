//! Settings of a workspace as requests name them, and which are refused.
//!
//! Source: `api-docs/workspaces.mdx`, the tables of create and update.

use serde_json::{Value, json};
use terrane_domain::access::{Action, Caller};
use terrane_domain::engine_versions;
use terrane_domain::engines::EngineKind;
use terrane_domain::execution::{Execution, ExecutionChange};
use terrane_domain::ids::ProjectId;
use terrane_domain::organizations::is_name;
use terrane_domain::time::Timestamp;
use terrane_domain::workspaces::{WRONG_ACTIVITY_DURATION, Workspace, activity_duration};
use terrane_store::Tx;

use super::NAME_TAKEN;
use crate::lookups::{self, Place};
use crate::tags::TagReference;
use crate::{AppError, AppResult, execution};

/// Settings that a request may name; `None` keeps what is, `Some(None)` removes it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "they are those of the workspace, under its names")]
pub struct WorkspaceSettings {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub execution: ExecutionChange,
    pub assessments_enabled: Option<bool>,
    pub auto_apply: Option<bool>,
    pub auto_apply_run_trigger: Option<bool>,
    pub auto_destroy_at: Option<Option<Timestamp>>,
    pub auto_destroy_activity_duration: Option<Option<String>>,
    pub inherits_project_auto_destroy: Option<bool>,
    pub allow_destroy_plan: Option<bool>,
    pub file_triggers_enabled: Option<bool>,
    pub trigger_prefixes: Option<Vec<String>>,
    pub trigger_patterns: Option<Vec<String>>,
    pub global_remote_state: Option<bool>,
    pub project_remote_state: Option<bool>,
    pub queue_all_runs: Option<bool>,
    /// Only at the creation.
    pub source_name: Option<String>,
    /// Only at the creation.
    pub source_url: Option<String>,
    pub speculative_enabled: Option<bool>,
    pub engine: Option<EngineKind>,
    pub terraform_version: Option<String>,
    pub working_directory: Option<Option<String>>,
    pub structured_run_output_enabled: Option<bool>,
    pub project_id: Option<ProjectId>,
    /// Words to add.
    pub tags: Option<Vec<TagReference>>,
    /// Keys and values that replace what is bound.
    pub tag_bindings: Option<Vec<(String, String)>>,
    /// Whether the request names a repository.
    pub names_repository: bool,
}

/// Whether what made the workspace is told in words that pages can show.
pub(super) fn check_source(workspace: &Workspace) -> AppResult<()> {
    let is_shown = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if workspace.source_url.as_ref().is_none_or(is_shown) {
        return Ok(());
    }
    Err(AppError::invalid("source-url", "Source url must be an address with http or https"))
}

/// Takes settings into the workspace; whether the caller may change it was asked before.
pub(super) async fn apply(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    workspace: &mut Workspace,
    settings: WorkspaceSettings,
) -> AppResult<()> {
    if let Some(name) = &settings.name {
        rename(tx, workspace, name).await?;
    }
    if settings.names_repository {
        return Err(AppError::invalid(
            "vcs-repo",
            "The connection to version control does not exist; leave vcs-repo out",
        ));
    }
    change_execution(tx, place, workspace, &settings.execution).await?;
    change_auto_destroy(workspace, &settings)?;
    change_triggers(workspace, settings.trigger_prefixes.as_deref(), settings.trigger_patterns.as_deref())?;
    change_engine(workspace, settings.engine, settings.terraform_version)?;
    if let Some(directory) = settings.working_directory {
        let directory = directory.unwrap_or_default();
        if directory.split('/').any(|part| part == "..") {
            return Err(AppError::invalid("working-directory", "Working directory must lie inside the configuration"));
        }
        workspace.working_directory = directory;
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
    workspace.check_texts()?;
    for (flag, wanted) in [
        (&mut workspace.assessments_enabled, settings.assessments_enabled),
        (&mut workspace.auto_apply, settings.auto_apply),
        (&mut workspace.auto_apply_run_trigger, settings.auto_apply_run_trigger),
        (&mut workspace.allow_destroy_plan, settings.allow_destroy_plan),
        (&mut workspace.file_triggers_enabled, settings.file_triggers_enabled),
        (&mut workspace.global_remote_state, settings.global_remote_state),
        (&mut workspace.project_remote_state, settings.project_remote_state),
        (&mut workspace.queue_all_runs, settings.queue_all_runs),
        (&mut workspace.speculative_enabled, settings.speculative_enabled),
        (&mut workspace.structured_run_output_enabled, settings.structured_run_output_enabled),
    ] {
        *flag = wanted.unwrap_or(*flag);
    }
    workspace.updated_at = tx.now();
    workspace.latest_change_at = tx.now();
    Ok(())
}

async fn rename(tx: &mut Tx, workspace: &mut Workspace, name: &str) -> AppResult<()> {
    if !is_name(name) {
        let detail = if name.is_empty() {
            "Name can't be blank"
        } else {
            "Name may only contain letters, numbers, dashes and underscores, at most 90"
        };
        return Err(AppError::invalid("name", detail));
    }
    let namesake = terrane_store::workspaces::by_name(tx, &workspace.organization_id, name).await?;
    if namesake.is_some_and(|other| other.id != workspace.id) {
        return Err(AppError::invalid("name", NAME_TAKEN));
    }
    name.clone_into(&mut workspace.name);
    Ok(())
}

async fn change_execution(
    tx: &mut Tx,
    place: &Place,
    workspace: &mut Workspace,
    change: &ExecutionChange,
) -> AppResult<()> {
    if change.is_empty() {
        return Ok(());
    }
    let agent_pool_id = workspace.agent_pool_id.clone();
    let own = workspace.execution_mode.map(|mode| Execution { mode, agent_pool_id });
    let own = execution::apply(tx, &place.organization, change, own, execution::OF_WORKSPACE).await?;
    workspace.execution_mode = own.as_ref().map(|own| own.mode);
    workspace.agent_pool_id = own.and_then(|own| own.agent_pool_id);
    Ok(())
}

/// The version that is kept has to be one of the engine too.
fn change_engine(workspace: &mut Workspace, engine: Option<EngineKind>, version: Option<String>) -> AppResult<()> {
    let version = version.filter(|version| !version.is_empty());
    if engine.is_none() && version.is_none() {
        return Ok(());
    }
    workspace.engine = engine.unwrap_or(workspace.engine);
    workspace.terraform_version = version.unwrap_or_else(|| workspace.terraform_version.clone());
    if engine_versions::is_allowed(workspace.engine, &workspace.terraform_version) {
        return Ok(());
    }
    let detail = match workspace.engine {
        EngineKind::Terraform => {
            "Terraform version must be a released version such as 1.11.4, a constraint such as ~> 1.11, or latest"
        }
        EngineKind::OpenTofu => {
            "Terraform version must be a released version of OpenTofu such as 1.10.6, a constraint such as ~> 1.10, or latest"
        }
    };
    Err(AppError::invalid("terraform-version", detail))
}

/// A moment or a length of its own ends what the project says, unless the request says otherwise.
fn change_auto_destroy(workspace: &mut Workspace, settings: &WorkspaceSettings) -> AppResult<()> {
    let is_own = matches!(settings.auto_destroy_at, Some(Some(_)))
        || matches!(settings.auto_destroy_activity_duration, Some(Some(_)));
    if let Some(moment) = settings.auto_destroy_at {
        workspace.auto_destroy_at = moment;
    }
    if let Some(duration) = &settings.auto_destroy_activity_duration {
        if duration.as_deref().is_some_and(|text| activity_duration(text).is_none()) {
            return Err(AppError::invalid("auto-destroy-activity-duration", WRONG_ACTIVITY_DURATION));
        }
        workspace.auto_destroy_activity_duration.clone_from(duration);
    }
    match settings.inherits_project_auto_destroy {
        Some(true) => {
            workspace.inherits_project_auto_destroy = true;
            workspace.auto_destroy_activity_duration = None;
        }
        Some(false) => workspace.inherits_project_auto_destroy = false,
        None => workspace.inherits_project_auto_destroy &= !is_own,
    }
    Ok(())
}

/// Folders and patterns exclude each other in a request; the one that it names replaces the other that is stored.
fn change_triggers(
    workspace: &mut Workspace,
    prefixes: Option<&[String]>,
    patterns: Option<&[String]>,
) -> AppResult<()> {
    let (given_prefixes, given_patterns) = (prefixes.unwrap_or_default(), patterns.unwrap_or_default());
    if !given_prefixes.is_empty() && !given_patterns.is_empty() {
        return Err(AppError::invalid(
            "trigger-patterns",
            "Trigger patterns cannot be populated while trigger prefixes are; set one of them to an empty list",
        ));
    }
    if let Some(prefixes) = prefixes {
        workspace.trigger_prefixes = prefixes.to_vec();
    }
    if let Some(patterns) = patterns {
        workspace.trigger_patterns = patterns.to_vec();
    }
    if !given_patterns.is_empty() {
        workspace.trigger_prefixes.clear();
    } else if !given_prefixes.is_empty() {
        workspace.trigger_patterns.clear();
    }
    Ok(())
}

/// What an event says of a change: the name, and what decides where and with which rights its runs go.
pub(super) fn changes(before: &Workspace, after: &Workspace) -> Value {
    let mut details = json!({ "name": after.name });
    let mut note = |name: &str, before: Value, after: Value| {
        if before != after
            && let Value::Object(members) = &mut details
        {
            members.insert(name.to_owned(), json!({ "from": before, "to": after }));
        }
    };
    note("name-changed", json!(before.name), json!(after.name));
    note("project", json!(before.project_id), json!(after.project_id));
    note("execution-mode", json!(before.execution_mode), json!(after.execution_mode));
    note("agent-pool", json!(before.agent_pool_id), json!(after.agent_pool_id));
    note("auto-apply", json!(before.auto_apply), json!(after.auto_apply));
    note("engine", json!(before.engine), json!(after.engine));
    note("terraform-version", json!(before.terraform_version), json!(after.terraform_version));
    note("global-remote-state", json!(before.global_remote_state), json!(after.global_remote_state));
    note("project-remote-state", json!(before.project_remote_state), json!(after.project_remote_state));
    note("auto-destroy-at", json!(before.auto_destroy_at), json!(after.auto_destroy_at));
    details
}
