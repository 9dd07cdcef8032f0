//! The document of a workspace.

use serde::Serialize;
use terrane_app::App;
use terrane_app::workspaces::WorkspaceView;
use terrane_domain::access::Action;
use terrane_domain::execution::ExecutionMode;
use terrane_domain::ids::{AgentPoolId, ConfigurationVersionId, RunId, StateVersionId, VariableId};
use terrane_domain::workspaces::LockHolder;
use terrane_jsonapi::{Relationship, Resource, object};

use crate::extract::address;

fn permissions(view: &WorkspaceView) -> impl Serialize {
    object! {
        "can-update": view.may(Action::UpdateWorkspace),
        "can-destroy": view.may(Action::DeleteWorkspace),
        "can-force-delete": view.can_force_delete,
        "can-queue-run": view.may(Action::QueueRun),
        "can-queue-apply": view.may(Action::ApplyRun),
        "can-queue-destroy": view.may(Action::ApplyRun),
        "can-read-variable": view.may(Action::ReadVariables),
        "can-update-variable": view.may(Action::WriteVariables),
        "can-read-state-versions": view.may(Action::ReadState),
        "can-read-state-outputs": view.may(Action::ReadStateOutputs),
        "can-create-state-versions": view.may(Action::WriteState),
        "can-lock": view.may(Action::LockWorkspace),
        "can-unlock": view.may(Action::LockWorkspace),
        "can-force-unlock": view.may(Action::ForceUnlockWorkspace),
        "can-read-settings": view.may(Action::ReadWorkspace),
        "can-manage-tags": view.may(Action::UpdateWorkspace),
        "can-manage-run-tasks": view.may(Action::ManageWorkspaceRunTasks),
        "can-manage-assessments": view.may(Action::UpdateWorkspace),
        "can-manage-ephemeral-workspaces": view.may(Action::UpdateWorkspace),
        "can-read-assessment-results": view.may(Action::ReadWorkspace),
        "can-read-run": view.may(Action::ReadWorkspace),
        "can-manage-hyok": false,
    }
}

fn settings(view: &WorkspaceView) -> impl Serialize {
    let workspace = &view.workspace;
    let is_own = workspace.execution_mode.is_some();
    object! {
        "name": &workspace.name,
        "description": &workspace.description,
        "execution-mode": view.execution.mode,
        "operations": view.execution.mode != ExecutionMode::Local,
        "setting-overwrites": object! { "execution-mode": is_own, "agent-pool": is_own },
        "allow-destroy-plan": workspace.allow_destroy_plan,
        "assessments-enabled": workspace.assessments_enabled,
        "auto-apply": workspace.auto_apply,
        "auto-apply-run-trigger": workspace.auto_apply_run_trigger,
        "auto-destroy-at": view.auto_destroy_at,
        "auto-destroy-activity-duration": &view.auto_destroy_activity_duration,
        "inherits-project-auto-destroy": workspace.inherits_project_auto_destroy,
        "file-triggers-enabled": workspace.file_triggers_enabled,
        "trigger-prefixes": &workspace.trigger_prefixes,
        "trigger-patterns": &workspace.trigger_patterns,
        "global-remote-state": workspace.global_remote_state,
        "project-remote-state": workspace.project_remote_state,
        "queue-all-runs": workspace.queue_all_runs,
        "source": workspace.source,
        "source-name": &workspace.source_name,
        "source-url": &workspace.source_url,
        "speculative-enabled": workspace.speculative_enabled,
        "structured-run-output-enabled": workspace.structured_run_output_enabled,
        "tag-names": &view.tag_names,
        "engine": workspace.engine,
        "terraform-version": &workspace.terraform_version,
        "working-directory": &workspace.working_directory,
        "vcs-repo": (),
    }
}

/// What nobody sets.
fn facts(view: &WorkspaceView) -> impl Serialize {
    let workspace = &view.workspace;
    let may_destroy = workspace.allow_destroy_plan && view.may(Action::QueueRun) && view.may(Action::ApplyRun);
    object! {
        "environment": "default",
        "can-queue-destroy-plan": may_destroy,
        "last-assessment-result-at": (),
        "auto-destroy-status": (),
        "source-module-id": (),
        "no-code-upgrade-available": false,
        "vcs-repo-identifier": (),
        "oauth-client-name": (),
        "locked": workspace.lock_holder.is_some(),
        "locked-reason": &workspace.lock_reason,
        "resource-count": workspace.resource_count,
        "unarchived-workspace-change-requests-count": 0,
        "latest-change-at": workspace.latest_change_at,
        "created-at": workspace.created_at,
        "updated-at": workspace.updated_at,
        "permissions": permissions(view),
        "actions": object! { "is-destroyable": workspace.allow_destroy_plan },
    }
}

/// A workspace without what only an include shows.
pub(crate) fn resource(app: &App, view: &WorkspaceView) -> Resource {
    let workspace = &view.workspace;
    let page = format!("/app/{}/workspaces/{}", view.organization, workspace.name);
    let run = || Relationship::to_optional("runs", workspace.current_run_id.as_ref().map(RunId::as_str));
    let state = workspace.current_state_version_id.as_ref().map(StateVersionId::as_str);
    let configuration = workspace.current_configuration_version_id.as_ref().map(ConfigurationVersionId::as_str);
    let pool = view.execution.agent_pool_id.as_ref().map(AgentPoolId::as_str);
    let related = |path: &str| Relationship::related(address(app, &format!("workspaces/{}/{path}", workspace.id)));
    let resource = Resource::new("workspaces", workspace.id.as_str())
        .attributes(&settings(view))
        .attributes(&facts(view))
        .attributes(&workspace.statistics)
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
        .relation("project", Relationship::to_one("projects", workspace.project_id.as_str()))
        .relation("current-run", run())
        .relation("latest-run", run())
        .relation("current-state-version", Relationship::to_optional("state-versions", state))
        .relation("current-configuration-version", Relationship::to_optional("configuration-versions", configuration))
        .relation("agent-pool", Relationship::to_optional("agent-pools", pool))
        .relation("readme", Relationship::to_none())
        .relation("outputs", related("current-state-version-outputs"))
        .relation("vars", Relationship::to_many("vars", view.variable_ids.iter().map(VariableId::as_str)))
        .relation("remote-state-consumers", related("relationships/remote-state-consumers"))
        .relation("tag-bindings", related("tag-bindings"))
        .relation("effective-tag-bindings", related("effective-tag-bindings"))
        .link("self", format!("/api/v2/organizations/{}/workspaces/{}", view.organization, workspace.name))
        .link("self-html", format!("{}{page}", app.public_url()));
    let holder = match &workspace.lock_holder {
        Some(LockHolder::User(id)) => Relationship::to_one("users", id.as_str()),
        Some(LockHolder::Team(id)) => Relationship::to_one("teams", id.as_str()),
        Some(LockHolder::Organization(_)) => Relationship::to_one("organizations", view.organization.as_str()),
        Some(LockHolder::Run(id) | LockHolder::Recovery(id)) => Relationship::to_one("runs", id.as_str()),
        None => return resource,
    };
    resource.relation("locked-by", holder)
}
