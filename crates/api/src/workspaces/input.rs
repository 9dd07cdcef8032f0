//! Settings of a workspace as requests write them.

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use serde_json::{Map, Value};
use terrane_app::tags::TagReference;
use terrane_app::workspaces::WorkspaceSettings;
use terrane_domain::engines::EngineKind;
use terrane_domain::execution::ExecutionChange;
use terrane_jsonapi::{Error, Input};

use crate::error::ApiResult;
use crate::extract::MAX_JSON_BYTES;
use crate::tag_bindings::pairs;

/// `execution-mode`, its older form `operations`, and what says whether they are the workspace's own.
fn execution(input: &Input) -> ApiResult<ExecutionChange> {
    let operations: Option<bool> = input.attribute("operations")?;
    let mode: Option<String> = input.attribute("execution-mode")?;
    if operations.is_some() && mode.is_some() {
        return Err(Error::invalid_attribute(
            "operations",
            "Operations is deprecated and cannot be specified when execution mode is used",
        )
        .into());
    }
    let overwrites = overwrites(input, "execution-mode", "agent-pool")?;
    Ok(ExecutionChange {
        mode: mode.or(operations.map(|on| if on { "remote" } else { "local" }.to_owned())),
        agent_pool_id: input.attribute_or_absent("agent-pool-id")?.map(present),
        overwrites_mode: overwrites.0,
        overwrites_agent_pool: overwrites.1,
    })
}

/// An empty text is as good as null.
pub(crate) fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Two flags of `setting-overwrites`; names are folded like all others.
pub(crate) fn overwrites(input: &Input, mode: &str, pool: &str) -> ApiResult<(Option<bool>, Option<bool>)> {
    let given: Map<String, Value> = input.attribute("setting-overwrites")?.unwrap_or_default();
    let flag = |name: &str| match given.get(name).or_else(|| given.get(&name.replace('-', "_"))) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Error::invalid_attribute("setting-overwrites", format!("{name} must be true or false."))),
    };
    Ok((flag(mode)?, flag(pool)?))
}

/// A list that null empties.
fn texts(input: &Input, name: &str) -> ApiResult<Option<Vec<String>>> {
    Ok(input.attribute_or_absent::<Vec<String>>(name)?.map(Option::unwrap_or_default))
}

/// The words of `relationships.tags`.
pub(crate) fn tag_references(references: Vec<terrane_jsonapi::Reference>) -> Vec<TagReference> {
    let tag = |reference: terrane_jsonapi::Reference| match (reference.text("name"), &reference.id) {
        (_, Some(id)) => TagReference::Id(id.clone()),
        (name, None) => TagReference::Name(name.unwrap_or_default().to_owned()),
    };
    references.into_iter().map(tag).collect()
}

/// What a client would have: `tofu` with a `cloud` block says that it is OpenTofu, and then asks for a version of its own.
/// Source: `internal/httpclient/useragent.go` of OpenTofu.
pub(super) fn engine_of_client(headers: &HeaderMap) -> Option<EngineKind> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    agent.starts_with("OpenTofu/").then_some(EngineKind::OpenTofu)
}

pub(super) fn settings(body: &[u8]) -> ApiResult<WorkspaceSettings> {
    let input = Input::parse(body, MAX_JSON_BYTES)?;
    let project_id = match input.relation("project")? {
        Some(identifier) => {
            let missing = |_| Error::invalid_relationship("project", "The project does not exist");
            Some(identifier.id.parse().map_err(missing)?)
        }
        None => None,
    };
    let repository: Option<Map<String, Value>> = input.attribute("vcs-repo")?;
    let is_named = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    Ok(WorkspaceSettings {
        name: input.attribute("name")?,
        description: input.attribute_or_absent("description")?,
        execution: execution(&input)?,
        assessments_enabled: input.attribute("assessments-enabled")?,
        auto_apply: input.attribute("auto-apply")?,
        auto_apply_run_trigger: input.attribute("auto-apply-run-trigger")?,
        auto_destroy_at: input.attribute_or_absent("auto-destroy-at")?,
        auto_destroy_activity_duration: input.attribute_or_absent("auto-destroy-activity-duration")?.map(present),
        inherits_project_auto_destroy: input.attribute("inherits-project-auto-destroy")?,
        allow_destroy_plan: input.attribute("allow-destroy-plan")?,
        file_triggers_enabled: input.attribute("file-triggers-enabled")?,
        trigger_prefixes: texts(&input, "trigger-prefixes")?,
        trigger_patterns: texts(&input, "trigger-patterns")?,
        global_remote_state: input.attribute("global-remote-state")?,
        project_remote_state: input.attribute("project-remote-state")?,
        queue_all_runs: input.attribute("queue-all-runs")?,
        source_name: present(input.attribute("source-name")?),
        source_url: present(input.attribute("source-url")?),
        speculative_enabled: input.attribute("speculative-enabled")?,
        engine: input.attribute("engine")?,
        terraform_version: input.attribute("terraform-version")?,
        working_directory: input.attribute_or_absent("working-directory")?,
        structured_run_output_enabled: input.attribute("structured-run-output-enabled")?,
        project_id,
        tags: input.relation_list("tags")?.map(tag_references),
        tag_bindings: input.relation_list("tag-bindings")?.map(|list| pairs(&list)),
        names_repository: repository.is_some_and(|members| members.values().any(is_named)),
    })
}
