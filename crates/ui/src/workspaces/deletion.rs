//! The end of a workspace: what is lost by it, and the two ways to it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::runs::RunFilter;
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError, runs, state_versions, variables};
use terrane_domain::access::{Action, Caller};
use terrane_domain::runs::RunOperation;
use terrane_domain::state_versions::StateVersionStatus;

use super::key;
use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, fault};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;

/// The field into which the name is typed.
const CONFIRMATION: &str = "typed-name";
const WAY: &str = "way";
const WAYS: [(&str, &str); 2] =
    [("safe", "Safe delete: only if it is not in use"), ("force", "Force delete: whatever it manages")];

/// What goes with the workspace, as far as the caller may see it.
struct Loss {
    runs: i64,
    states: Option<i64>,
    variables: Option<usize>,
}

impl Loss {
    async fn read(app: &App, caller: &Caller, view: &WorkspaceView) -> PageResult<Self> {
        let key = key(&view.organization, &view.workspace.name);
        let filter = RunFilter { operations: Some(RunOperation::ALL.to_vec()), ..RunFilter::default() };
        let runs = runs::list(app, caller, key.clone(), filter, (1, 0)).await?.1;
        let states = if view.may(Action::ReadState) {
            let statuses = vec![StateVersionStatus::Finalized];
            Some(state_versions::list(app, caller, key.clone(), statuses, 1, 0).await?.1)
        } else {
            None
        };
        let variables =
            if view.may(Action::ReadVariables) { Some(variables::list(app, caller, key).await?.len()) } else { None };
        Ok(Self { runs, states, variables })
    }

    fn render(&self) -> Markup {
        html! {
            ul {
                li { "Runs with their logs and plans: " (self.runs) }
                li { "States: " @match self.states { Some(count) => (count), None => "all" } }
                li { "Variables: " @match self.variables { Some(count) => (count), None => "all" } }
                li { "Configurations, team access and tags" }
            }
        }
    }
}

/// Why the workspace cannot be deleted safely, for people.
fn in_use(view: &WorkspaceView, here: &str) -> Markup {
    let (count, workspace) = (view.workspace.resource_count, &view.workspace);
    html! {
        @if count > 0 {
            p class="note" {
                "It manages " (count) @if count == 1 { " resource" } @else { " resources" } ". All that goes on existing, and costs what it costs, but nothing here knows of it any more. "
                @if view.may(Action::QueueRun) && workspace.allow_destroy_plan {
                    "To have it destroyed, " a href={ (here) "/new-run?operation=destroy" } { "start a destroy run" } " first."
                }
            }
        }
        @if workspace.lock_holder.is_some() { p class="note" { "It is locked: somebody works in it, or a run does." } }
    }
}

async fn render(
    app: &App,
    caller: &Caller,
    view: &WorkspaceView,
    token: &FormToken,
    refused: Option<(&Submitted, &Wrong)>,
) -> PageResult<Response> {
    let here = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
    let is_in_use = view.workspace.resource_count > 0 || view.workspace.lock_holder.is_some();
    let ways = if is_in_use && !view.can_force_delete { &WAYS[..1] } else { &WAYS[..] };
    let wrong = refused.map(|(_, wrong)| wrong);
    let sent = |name| refused.map(|(form, _)| form.text(name)).unwrap_or_default();
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: false };
    let loss = Loss::read(app, caller, view).await?;
    let body = html! {
        h2 { "Delete this workspace" }
        p { "It cannot be brought back. With it go for good:" }
        (loss.render())
        (in_use(view, &here))
        (fault(wrong.and_then(|wrong| wrong.beside(&[CONFIRMATION, WAY]))))
        form method="post" action={ (here) "/settings/delete" } class="stack" {
            (token.field())
            (field("How", WAY).choice(ways, &sent(WAY)))
            @if ways.len() < WAYS.len() {
                p class="quiet" { "Only an owner may force-delete a workspace that is in use, unless the organization allows it to administrators." }
            }
            (field("Type the name of the workspace", CONFIRMATION).line(&sent(CONFIRMATION)))
            button class="danger" { "Delete for good" }
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, workspace_page(view, "Settings", &body)).into_response())
}

/// The workspace, for who may delete it.
async fn place(app: &App, caller: &Caller, organization: &str, workspace: &str) -> PageResult<WorkspaceView> {
    let view = workspaces::read(app, caller, key(organization, workspace)).await?;
    if view.may(Action::DeleteWorkspace) { Ok(view) } else { Err(AppError::NotFound.into()) }
}

/// The page.
pub(crate) async fn show_delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Response> {
    let view = place(&app, &caller, &organization, &workspace).await?;
    render(&app, &caller, &view, &token, None).await
}

async fn end(app: &App, caller: &Caller, view: &WorkspaceView, form: &Submitted) -> Result<(), AppError> {
    let name = &view.workspace.name;
    if form.trimmed(CONFIRMATION) != *name {
        return Err(AppError::invalid(CONFIRMATION, format!("Type {name}, the name of the workspace, to delete it")));
    }
    // By its id: another may have its name by now.
    let key = workspaces::WorkspaceKey::Id(view.workspace.id.clone());
    match form.get(WAY) {
        Some("safe") => workspaces::safe_delete(app, caller, key).await,
        Some("force") => workspaces::delete(app, caller, key).await,
        _ => Err(AppError::invalid(WAY, "Choose from the list how it is to be deleted")),
    }
}

/// Deletes it and goes back to the list.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let view = place(&app, &caller, &organization, &workspace).await?;
    match end(&app, &caller, &view, &form).await {
        Ok(()) => Ok(Redirect::to(&format!("/app/{organization}/workspaces")).into_response()),
        Err(error) => {
            let wrong = Wrong::new(error)?;
            render(&app, &caller, &view, &token, Some((&form, &wrong))).await
        }
    }
}
