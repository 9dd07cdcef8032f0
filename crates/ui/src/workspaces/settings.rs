//! A workspace's settings.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::App;
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_domain::access::Action;

use super::fields::{self, FIELDS, Values};
use super::key;
use crate::error::PageResult;
use crate::forms::{FormToken, Parameters, Submitted, Wrong, button, copyable, fault};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;

fn render(
    view: &WorkspaceView,
    values: &Values,
    modes: &[(String, String)],
    token: &FormToken,
    wrong: Option<&Wrong>,
    is_saved: bool,
) -> Markup {
    let may = view.may(Action::UpdateWorkspace);
    let breakage = html! {
        p class="quiet" { "A new name changes the address: cloud blocks and links with the old one stop working." }
    };
    let body = html! {
        @if is_saved { p class="note done" role="status" { "Saved." } }
        (fault(wrong.and_then(|wrong| wrong.beside(&FIELDS))))
        form method="post" action={ "/app/" (view.organization) "/workspaces/" (view.workspace.name) "/settings" } class="stack" {
            (token.field())
            (fields::render(values, modes, wrong, may, &breakage))
            (button("Save", (!may).then_some("You need the right to administer this workspace.")))
        }
        @if view.may(Action::DeleteWorkspace) {
            p { a class="danger" href={ "/app/" (view.organization) "/workspaces/" (view.workspace.name) "/settings/delete" } { "Delete this workspace" } }
        }
        p class="quiet" { "Id " (copyable(view.workspace.id.as_str(), "id")) }
    };
    workspace_page(view, "Settings", &body)
}

/// The page.
pub(crate) async fn show_settings(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let view = workspaces::read(&app, &caller, key(&organization, &workspace)).await?;
    let values = Values::of(&view);
    let modes = fields::modes(&app, &caller, &organization, Some(&view), &values.execution).await?;
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
            let modes = fields::modes(&app, &caller, &organization, Some(&view), &values.execution).await?;
            let page = render(&view, &values, &modes, &token, Some(&wrong), false);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
