//! The fields that a workspace's settings and the page of a new one share.

use maud::{Markup, html};
use terrane_app::agent_pools::{self, AgentPoolFilter};
use terrane_app::workspaces::{WorkspaceSettings, WorkspaceView};
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::engine_versions;
use terrane_domain::engines::EngineKind;
use terrane_domain::execution::{ExecutionChange, ExecutionMode};

use crate::error::PageResult;
use crate::forms::{Field, Submitted, Wrong, with_plain_breaks};

/// The fields beside which something can be wrong.
pub(super) const FIELDS: [&str; 7] =
    ["name", "description", "execution-mode", "auto-apply", "engine", "terraform-version", "working-directory"];
/// The choice that leaves the mode to the project.
const INHERITED: &str = "inherited";
/// Before the id of a pool.
const AGENT: &str = "agent:";

/// What stands in the fields.
pub(super) struct Values {
    pub(super) name: String,
    description: String,
    pub(super) execution: String,
    auto_apply: bool,
    engine: String,
    terraform_version: String,
    working_directory: String,
}

impl Values {
    /// Those of a workspace that is not there yet.
    pub(super) fn new() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            execution: INHERITED.to_owned(),
            auto_apply: false,
            engine: EngineKind::Terraform.as_str().to_owned(),
            terraform_version: engine_versions::LATEST.to_owned(),
            working_directory: String::new(),
        }
    }

    /// As the workspace has them.
    pub(super) fn of(view: &WorkspaceView) -> Self {
        let workspace = &view.workspace;
        let execution = match (workspace.execution_mode, &workspace.agent_pool_id) {
            (None, _) => INHERITED.to_owned(),
            (Some(ExecutionMode::Agent), Some(pool)) => format!("{AGENT}{pool}"),
            (Some(mode), _) => mode.as_str().to_owned(),
        };
        Self {
            name: workspace.name.clone(),
            description: with_plain_breaks(workspace.description.as_deref().unwrap_or_default()),
            execution,
            auto_apply: workspace.auto_apply,
            engine: workspace.engine.as_str().to_owned(),
            terraform_version: workspace.terraform_version.clone(),
            working_directory: workspace.working_directory.clone(),
        }
    }

    /// As they were sent.
    pub(super) fn sent(form: &Submitted) -> Self {
        Self {
            name: form.trimmed("name"),
            description: form.lines("description"),
            execution: form.text("execution-mode"),
            auto_apply: form.is_ticked("auto-apply"),
            engine: form.text("engine"),
            terraform_version: form.trimmed("terraform-version"),
            working_directory: form.trimmed("working-directory"),
        }
    }

    /// Names only what differs from `before`: what was not touched is no change.
    pub(super) fn settings(&self, before: &Self) -> WorkspaceSettings {
        fn changed(before: &str, now: &str) -> Option<String> {
            (before != now).then(|| now.to_owned())
        }
        let execution = changed(&before.execution, &self.execution).map(|chosen| match chosen.strip_prefix(AGENT) {
            Some(pool) => ExecutionChange {
                mode: Some("agent".to_owned()),
                agent_pool_id: Some(Some(pool.to_owned())),
                ..ExecutionChange::default()
            },
            None if chosen == INHERITED => {
                ExecutionChange { overwrites_mode: Some(false), ..ExecutionChange::default() }
            }
            None => ExecutionChange { mode: Some(chosen), ..ExecutionChange::default() },
        });
        WorkspaceSettings {
            name: changed(&before.name, &self.name),
            description: changed(&before.description, &self.description)
                .map(|text| Some(text).filter(|it| !it.is_empty())),
            execution: execution.unwrap_or_default(),
            auto_apply: (before.auto_apply != self.auto_apply).then_some(self.auto_apply),
            engine: changed(&before.engine, &self.engine).and_then(|name| name.parse().ok()),
            terraform_version: changed(&before.terraform_version, &self.terraform_version),
            working_directory: changed(&before.working_directory, &self.working_directory).map(Some),
            ..WorkspaceSettings::default()
        }
    }
}

/// The ways in which runs can happen, and what they are called; without a workspace, for one that is not there yet.
pub(super) async fn modes(
    app: &App,
    caller: &Caller,
    organization: &str,
    workspace: Option<&WorkspaceView>,
    chosen: &str,
) -> PageResult<Vec<(String, String)>> {
    let inherited = match workspace {
        Some(view) if view.workspace.execution_mode.is_none() => {
            format!("As the project says: {}", view.execution.mode)
        }
        _ => "As the project says".to_owned(),
    };
    let mut modes = vec![
        (INHERITED.to_owned(), inherited),
        ("remote".to_owned(), "Remote: on this server".to_owned()),
        ("local".to_owned(), "Local: on people's own machines, only the state is kept here".to_owned()),
    ];
    let allowed_workspace = workspace.map(|view| view.workspace.name.clone());
    let filter = AgentPoolFilter { allowed_workspace, ..AgentPoolFilter::default() };
    let pools = match agent_pools::list(app, caller, organization, filter).await {
        Ok(pools) => pools,
        // Who may not see the pools keeps the one there is, or chooses none.
        Err(AppError::NotFound) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let of_pool = |found: &agent_pools::AgentPoolView| {
        (format!("{AGENT}{}", found.pool.id), format!("Agent: in the pool {}", found.pool.name))
    };
    modes.extend(pools.iter().map(of_pool));
    if chosen.starts_with(AGENT) && !modes.iter().any(|(value, _)| value == chosen) {
        modes.push((chosen.to_owned(), "Agent: in the pool chosen before".to_owned()));
    }
    Ok(modes)
}

/// The fields; `after_name` is what the page has to say or ask below the name.
pub(super) fn render(
    values: &Values,
    modes: &[(String, String)],
    wrong: Option<&Wrong>,
    may: bool,
    after_name: &Markup,
) -> Markup {
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: !may };
    let modes: Vec<_> = modes.iter().map(|(value, name)| (value.as_str(), name.as_str())).collect();
    let engines: Vec<_> = EngineKind::ALL.iter().map(|engine| (engine.as_str(), engine.label())).collect();
    html! {
        (field("Name", "name").line(&values.name))
        (after_name)
        (field("Description", "description").text(&values.description))
        (field("Execution mode", "execution-mode").choice(&modes, &values.execution))
        (field("Apply at once what a plan says, without asking", "auto-apply").tick(values.auto_apply))
        (field("Engine", "engine").choice(&engines, &values.engine))
        (field("Version of the engine", "terraform-version").line(&values.terraform_version))
        p class="quiet" { "A released version of the engine such as 1.11.4, a constraint such as ~> 1.11, or latest." }
        (field("Working directory", "working-directory").line(&values.working_directory))
        p class="quiet" { "Where in the configuration the engine runs; empty: at its top." }
    }
}
