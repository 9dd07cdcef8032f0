//! A new run, from the newest configuration of its workspace.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use terrane_app::runs::{self, NewRun};
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::execution::ExecutionMode;
use terrane_domain::runs::{PlanOptions, RunSource};

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Parameters, Submitted, Wrong, button, fault};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;
use crate::workspaces::key;

/// What a run may be, and what it is called.
const OPERATIONS: [(&str, &str); 4] = [
    ("plan-and-apply", "Plan and apply"),
    ("plan-only", "Plan only: look at what would change"),
    ("refresh-only", "Refresh only: take over what changed outside"),
    ("destroy", "Destroy everything that this workspace manages"),
];
/// The fields beside which something can be wrong.
const FIELDS: [&str; 5] = ["operation", "message", "target-addrs", "replace-addrs", "allow-empty-apply"];
/// What the API calls the parts of the field `operation`.
const PARTS_OF_OPERATION: [&str; 4] = ["is-destroy", "refresh-only", "refresh", "plan-only"];

/// What stands in the fields.
#[derive(Default)]
struct Values {
    operation: String,
    message: String,
    targets: String,
    replacements: String,
    allow_empty_apply: bool,
}

impl Values {
    fn sent(form: &Submitted) -> Self {
        Self {
            operation: form.text("operation"),
            message: form.trimmed("message"),
            targets: form.lines("target-addrs"),
            replacements: form.lines("replace-addrs"),
            allow_empty_apply: form.is_ticked("allow-empty-apply"),
        }
    }

    fn new_run(&self, workspace: &WorkspaceView) -> Result<NewRun, AppError> {
        if !OPERATIONS.iter().any(|(value, _)| *value == self.operation) {
            return Err(AppError::invalid("operation", "Choose from the list what the run is to do"));
        }
        Ok(NewRun {
            workspace_id: workspace.workspace.id.clone(),
            configuration_version_id: None,
            message: Some(self.message.clone()).filter(|message| !message.is_empty()),
            auto_apply: None,
            plan_only: Some(self.operation == "plan-only"),
            save_plan: false,
            terraform_version: None,
            allow_empty_apply: self.allow_empty_apply,
            options: PlanOptions {
                is_destroy: self.operation == "destroy",
                refresh: true,
                refresh_only: self.operation == "refresh-only",
                target_addrs: addresses(&self.targets),
                replace_addrs: addresses(&self.replacements),
                ..PlanOptions::default()
            },
            variables: Vec::new(),
            source: RunSource::Ui,
            client_renders_json: true,
        })
    }
}

/// One address on each line.
fn addresses(lines: &str) -> Vec<String> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Why no run can be queued from a page, whoever asks.
pub(crate) fn why_not(view: &WorkspaceView) -> Option<&'static str> {
    if !view.may(Action::QueueRun) {
        Some("You need the right to queue runs in this workspace.")
    } else if view.execution.mode == ExecutionMode::Local {
        Some("This workspace runs terraform on people's own machines; its settings say so.")
    } else {
        None
    }
}

/// The workspace, for who may queue runs in it.
async fn place(app: &App, caller: &Caller, organization: &str, workspace: &str) -> PageResult<WorkspaceView> {
    let view = workspaces::read(app, caller, key(organization, workspace)).await?;
    if view.may(Action::QueueRun) { Ok(view) } else { Err(AppError::NotFound.into()) }
}

fn render(view: &WorkspaceView, values: &Values, token: &FormToken, wrong: Option<&Wrong>) -> Response {
    let here = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: false };
    let may_apply = view.may(Action::ApplyRun);
    let body = html! {
        h2 { "New run" }
        @if view.workspace.current_configuration_version_id.is_none() {
            p class="note" { "There is no configuration to run yet. " a href={ (here) "/connect" } { "Connect one" } " first." }
        }
        (fault(wrong.and_then(|wrong| wrong.beside(&FIELDS))))
        form method="post" action={ (here) "/new-run" } class="stack" {
            (token.field())
            p class="quiet" {
                "It takes the newest configuration. "
                @if !may_apply { "Who may apply runs here has to confirm it." }
                @else if view.workspace.auto_apply { "This workspace applies without asking." }
                @else { "Nothing is applied before somebody confirms the plan." }
            }
            (field("What it does", "operation").choice(&OPERATIONS, &values.operation))
            (field("Message", "message").line(&values.message))
            (field("Only these resources or modules (targets)", "target-addrs").text(&values.targets))
            p class="quiet" { "One address on each line, such as module.network or aws_instance.web[0]. Empty: everything." }
            (field("Make these anew (replacements)", "replace-addrs").text(&values.replacements))
            p class="quiet" { "One address on each line." }
            @if may_apply {
                (field("Apply even if nothing changes (for example to move a state to a newer terraform)", "allow-empty-apply").tick(values.allow_empty_apply))
            }
            (button("Start run", why_not(view)))
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, workspace_page(view, "Runs", &body)).into_response()
}

/// The page; the address may propose what the run is to do.
pub(crate) async fn show_new(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Response> {
    let view = place(&app, &caller, &organization, &workspace).await?;
    let operation = query.get("operation").unwrap_or_default().to_owned();
    Ok(render(&view, &Values { operation, ..Values::default() }, &token, None))
}

/// Queues the run and goes on to its page.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let view = place(&app, &caller, &organization, &workspace).await?;
    let values = Values::sent(&form);
    let made = match values.new_run(&view) {
        Ok(new) => runs::create(&app, &caller, new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(made) => {
            let next = format!("/app/{}/workspaces/{}/runs/{}", made.organization, made.workspace.name, made.run.id);
            Ok(Redirect::to(&next).into_response())
        }
        Err(error) => {
            let wrong = Wrong::new(error)?.of_field("operation", &PARTS_OF_OPERATION);
            Ok(render(&view, &values, &token, Some(&wrong)))
        }
    }
}
