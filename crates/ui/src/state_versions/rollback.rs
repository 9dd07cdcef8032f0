//! Back to an earlier state.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::App;
use terrane_app::state_versions;
use terrane_app::workspaces::{Related, WorkspaceView};
use terrane_domain::access::{Action, Caller};
use terrane_domain::state_versions::StateVersion;
use terrane_domain::workspaces::LockHolder;

use super::{address, find, read, state};
use crate::error::PageResult;
use crate::forms::{FormToken, button, correctable, fault};
use crate::paths::Path;
use crate::session::SignedIn;
use crate::workspaces::{holder_name, key};

/// The lock that has to be taken first, or whose it is.
fn lock(workspace: &WorkspaceView, version: &StateVersion, users: &Related, token: &FormToken) -> Markup {
    let here = format!("/app/{}/workspaces/{}", workspace.organization, workspace.workspace.name);
    html! {
        @if let Some(holder) = &workspace.workspace.lock_holder {
            p class="note" {
                "The workspace is locked by " (holder_name(holder, &users.users)) ", and only the holder of the lock may roll back. "
                a href=(here) { "Look at the lock" } "."
            }
        } @else {
            form method="post" action={ (here) "/lock" } class="stack" {
                (token.field())
                input type="hidden" name="next" value=(address(workspace, version));
                input type="hidden" name="reason" value={ "Rollback to the state with serial " (version.serial) };
                p { "The workspace must be locked by you first, so that no run changes the state meanwhile." }
                (button("Lock the workspace", (!workspace.may(Action::LockWorkspace)).then_some("You need the right to lock this workspace.")))
            }
        }
    }
}

/// The section, for who may write states.
pub(super) fn section(
    workspace: &WorkspaceView,
    version: &StateVersion,
    caller: &Caller,
    users: &Related,
    token: &FormToken,
    wrong: Option<&str>,
) -> Markup {
    if !workspace.may(Action::WriteState) || version.blob.is_none() {
        return html! {};
    }
    let holder = workspace.workspace.lock_holder.as_ref();
    let is_own = matches!(holder, Some(LockHolder::User(id)) if caller.user_id() == Some(id));
    html! {
        section aria-labelledby="rollback" {
            h2 id="rollback" { "Roll back to this state" }
            (fault(wrong))
            @if workspace.workspace.current_state_version_id.as_ref() == Some(&version.id) {
                p class="quiet" { "This is the current state." }
            } @else {
                p class="quiet" {
                    "A copy of this state, with the next serial, becomes the current one; no state is lost. Real resources are not touched: "
                    "the next plan shows how they differ from it."
                }
                @if is_own {
                    form method="post" action={ (address(workspace, version)) "/rollback" } class="stack" {
                        (token.field())
                        button class="danger" { "Roll back to serial " (version.serial) }
                    }
                } @else { (lock(workspace, version, users, token)) }
            }
        }
    }
}

/// Rolls back and goes on to the copy.
pub(crate) async fn rollback(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace, version)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let workspace = read(&app, &caller, &organization, &workspace).await?;
    let view = find(&app, &caller, &workspace, &version).await?;
    let key = key(&organization, &workspace.workspace.name);
    match state_versions::rollback(&app, &caller, key, view.version.id.clone()).await {
        Ok(copy) => Ok(Redirect::to(&format!("{}?rolled-back", address(&workspace, &copy.version))).into_response()),
        Err(error) => {
            let said = state::Said::wrong(correctable(error)?);
            let page = state::render(&app, &caller, &workspace, &view, &token, &said).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
