//! A workspace's first page: its lock and its runs.

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::runs::RunFilter;
use terrane_app::workspaces::WorkspaceView;
use terrane_app::{App, runs, workspaces};
use terrane_domain::access::{Action, Caller};
use terrane_domain::runs::RunOperation;
use terrane_domain::users::User;
use terrane_domain::workspaces::LockHolder;

use super::{key, related};
use crate::error::PageResult;
use crate::forms::{FormToken, Parameters, button};
use crate::layout::{Pager, ROWS, workspace_page};
use crate::paths::Path;
use crate::progress::status_badge;
use crate::runs::why_not;
use crate::session::SignedIn;
use crate::times::Now;

/// Who holds a lock, by name if it is a person.
pub(crate) fn holder_name(holder: &LockHolder, users: &[User]) -> String {
    let user = match holder {
        LockHolder::User(id) => users.iter().find(|user| user.id == *id),
        _ => None,
    };
    user.map_or_else(|| holder.describe(), |user| user.username.clone())
}

fn held(view: &WorkspaceView, caller: &Caller, holder: &LockHolder, users: &[User], token: &FormToken) -> Markup {
    let base = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
    let is_own = matches!(holder, LockHolder::User(id) if caller.user_id() == Some(id));
    let is_run = matches!(holder, LockHolder::Run(_));
    let why_not = if is_run {
        Some("A run under way keeps the lock; cancel or discard the run instead.")
    } else if !view.may(Action::ForceUnlockWorkspace) {
        Some("To take another's lock away you need the right to administer this workspace.")
    } else {
        None
    };
    html! {
        p class="note" {
            "Locked by " (holder_name(holder, users)) "."
            @if let Some(reason) = view.workspace.lock_reason.as_deref().filter(|reason| !reason.is_empty() && !is_run) { " " (reason) }
            @if let LockHolder::Run(id) | LockHolder::Recovery(id) = holder { " " a href={ (base) "/runs/" (id) } { "Look at the run" } }
        }
        @if is_own {
            form method="post" action={ (base) "/unlock" } class="actions" {
                (token.field())
                (button("Unlock", (!view.may(Action::LockWorkspace)).then_some("You may no longer lock this workspace.")))
            }
        } @else {
            form method="post" action={ (base) "/force-unlock" } class="actions" {
                (token.field())
                (button("Force unlock", why_not))
            }
        }
    }
}

fn lock_part(view: &WorkspaceView, caller: &Caller, users: &[User], token: &FormToken) -> Markup {
    let base = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
    let may = view.may(Action::LockWorkspace);
    html! {
        @if let Some(holder) = &view.workspace.lock_holder {
            (held(view, caller, holder, users, token))
        } @else {
            details {
                summary { "Lock this workspace" }
                form method="post" action={ (base) "/lock" } class="stack" {
                    (token.field())
                    p class="quiet" { "While it is locked, no run of anybody starts." }
                    label for="reason" { "Why" }
                    input id="reason" name="reason" type="text" autocomplete="off" disabled[!may];
                    (button("Lock", (!may).then_some("You need the right to lock this workspace.")))
                }
            }
        }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let key = key(&organization, &workspace);
    let view = workspaces::read(&app, &caller, key.clone()).await?;
    let users = related(&app, &caller, std::slice::from_ref(&view)).await?.users;
    let pager = Pager::new(&query);
    // Plan-only runs too, which the API leaves out unless it is asked for them.
    let filter = RunFilter { operations: Some(RunOperation::ALL.to_vec()), ..RunFilter::default() };
    let (runs, total) = runs::list(&app, &caller, key, filter, (ROWS, pager.offset())).await?;
    let here = format!("/app/{organization}/workspaces/{workspace}");
    let now = Now::of(&app);
    let body = html! {
        @if let Some(description) = &view.workspace.description { p { (description) } }
        (lock_part(&view, &caller, &users, &token))
        div class="head" {
            h2 { "Runs" }
            @match why_not(&view) {
                None => a class="button primary" href={ (here) "/new-run" } { "New run" }
                why_not => { (button("New run", why_not)) }
            }
        }
        @if total == 0 {
            p class="quiet" { "No run yet. " code { "terraform plan" } " starts one, once " a href={ (here) "/connect" } { "a configuration is connected" } "." }
        } @else if !runs.is_empty() {
            ul class="list" {
                @for run in &runs {
                    li {
                        (status_badge(run.run.status))
                        a class="grow" href={ (here) "/runs/" (run.run.id) } { (run.run.message) }
                        span class="quiet" { (now.time(run.run.created_at)) }
                    }
                }
            }
        }
        (pager.render(&here, &[], total))
    };
    Ok(workspace_page(&view, "Runs", &body))
}
