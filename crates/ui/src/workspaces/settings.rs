//! A workspace's settings.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::agent_pools::{self, AgentPoolFilter};
use terrane_app::workspaces::{self, WorkspaceSettings, WorkspaceView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::execution::{ExecutionChange, ExecutionMode};

use super::key;
use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, button, fault, with_plain_breaks};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;

const FIELDS: [&str; 6] =
    ["name", "description", "execution-mode", "auto-apply", "terraform-version", "working-directory"];
/// The choice that leaves the mode to the project.
const INHERITED: &str = "inherited";
/// Before the id of a pool.
const AGENT: &str = "agent:";

/// What stands in the fields.
struct Values {
    name: String,
    description: String,
    execution: String,
    auto_apply: bool,
    terraform_version: String,
    working_directory: String,
}

impl Values {
    fn of(view: &WorkspaceView) -> Self {
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
            terraform_version: workspace.terraform_version.clone(),
            working_directory: workspace.working_directory.clone(),
        }
    }

    fn sent(form: &Submitted) -> Self {
        Self {
            name: form.trimmed("name"),
            description: form.lines("description"),
            execution: form.text("execution-mode"),
            auto_apply: form.is_ticked("auto-apply"),
            terraform_version: form.trimmed("terraform-version"),
            working_directory: form.trimmed("working-directory"),
        }
    }

    /// Names only what differs from `before`: what was not touched is no change.
    fn settings(&self, before: &Self) -> WorkspaceSettings {
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
            terraform_version: changed(&before.terraform_version, &self.terraform_version),
            working_directory: changed(&before.working_directory, &self.working_directory).map(Some),
            ..WorkspaceSettings::default()
        }
    }
}

/// The ways in which runs can happen, and what they are called.
async fn modes(app: &App, caller: &Caller, view: &WorkspaceView, chosen: &str) -> PageResult<Vec<(String, String)>> {
    let inherited = match view.workspace.execution_mode {
        None => format!("As the project says: {}", view.execution.mode),
        Some(_) => "As the project says".to_owned(),
    };
    let mut modes = vec![
        (INHERITED.to_owned(), inherited),
        ("remote".to_owned(), "Remote: on this server".to_owned()),
        ("local".to_owned(), "Local: on people's own machines, only the state is kept here".to_owned()),
    ];
    let filter = AgentPoolFilter { allowed_workspace: Some(view.workspace.name.clone()), ..AgentPoolFilter::default() };
    let pools = match agent_pools::list(app, caller, &view.organization, filter).await {
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

fn render(
    view: &WorkspaceView,
    values: &Values,
    modes: &[(String, String)],
    token: &FormToken,
    wrong: Option<&Wrong>,
    is_saved: bool,
) -> Markup {
    let may = view.may(Action::UpdateWorkspace);
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: !may };
    let modes: Vec<_> = modes.iter().map(|(value, name)| (value.as_str(), name.as_str())).collect();
    let body = html! {
        @if is_saved { p class="note done" role="status" { "Saved." } }
        (fault(wrong.and_then(|wrong| wrong.beside(&FIELDS))))
        form method="post" action={ "/app/" (view.organization) "/workspaces/" (view.workspace.name) "/settings" } class="stack" {
            (token.field())
            (field("Name", "name").line(&values.name))
            p class="quiet" { "A new name changes the address: cloud blocks and links with the old one stop working." }
            (field("Description", "description").text(&values.description))
            (field("Execution mode", "execution-mode").choice(&modes, &values.execution))
            (field("Apply at once what a plan says, without asking", "auto-apply").tick(values.auto_apply))
            (field("Terraform version", "terraform-version").line(&values.terraform_version))
            p class="quiet" { "A released version such as 1.11.4, a constraint such as ~> 1.11, or latest." }
            (field("Working directory", "working-directory").line(&values.working_directory))
            p class="quiet" { "Where in the configuration terraform runs; empty: at its top." }
            (button("Save", (!may).then_some("You need the right to administer this workspace.")))
        }
        p class="quiet" { "Id: " code { (view.workspace.id) } }
    };
    workspace_page(view, "Settings", &body)
}

/// The page.
pub(crate) async fn show_settings(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: crate::forms::Parameters,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let view = workspaces::read(&app, &caller, key(&organization, &workspace)).await?;
    let values = Values::of(&view);
    let modes = modes(&app, &caller, &view, &values.execution).await?;
    Ok(render(&view, &values, &modes, &token, None, query.get("saved").is_some()))
}

/// Saves.
pub(crate) async fn update_settings(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let key = key(&organization, &workspace);
    let view = workspaces::read(&app, &caller, key.clone()).await?;
    let values = Values::sent(&form);
    match workspaces::update(&app, &caller, key, values.settings(&Values::of(&view))).await {
        Ok(view) => {
            let here = format!("/app/{organization}/workspaces/{}/settings?saved", view.workspace.name);
            Ok(Redirect::to(&here).into_response())
        }
        Err(error) => {
            let wrong = Wrong::new(error)?;
            let modes = modes(&app, &caller, &view, &values.execution).await?;
            let page = render(&view, &values, &modes, &token, Some(&wrong), false);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
