//! What a run waits for, and who or what is in its way.

use maud::{Markup, html};
use terrane_app::runs::{self, RunView};
use terrane_app::{App, AppError, workspaces};
use terrane_domain::access::Caller;
use terrane_domain::runs::RunStatus;
use terrane_domain::workspaces::LockHolder;

use crate::error::PageResult;
use crate::workspaces::{holder_name, key, related};

/// What stands around a run that waits for its workspace.
pub(super) struct Around {
    /// The run that has the workspace's lock.
    holder: Option<RunView>,
    /// Who else has it.
    name: String,
    waits_in_turn: bool,
}

impl Around {
    /// Looks only where a run waits for the workspace.
    pub(super) async fn read(app: &App, caller: &Caller, view: &RunView) -> PageResult<Self> {
        let waits_in_turn = view.run.status == RunStatus::Pending;
        let waits = waits_in_turn || (view.run.status == RunStatus::PlannedAndSaved && !view.is_confirmable);
        let mut around = Self { holder: None, name: String::new(), waits_in_turn };
        let Some(holder) = view.workspace.lock_holder.as_ref().filter(|_| waits) else { return Ok(around) };
        around.name = holder.describe();
        match holder {
            LockHolder::Run(id) | LockHolder::Recovery(id) => {
                around.holder = match runs::read(app, caller, id.clone()).await {
                    Ok(found) => Some(found),
                    // It went, with its workspace, between the two looks.
                    Err(AppError::NotFound) => None,
                    Err(error) => return Err(error.into()),
                };
            }
            _ => {
                let workspace = workspaces::read(app, caller, key(&view.organization, &view.workspace.name)).await?;
                let users = related(app, caller, std::slice::from_ref(&workspace)).await?.users;
                around.name = holder_name(holder, &users);
            }
        }
        Ok(around)
    }

    /// The run that could be discarded to make room for this one.
    pub(super) fn discardable_holder(&self) -> Option<&RunView> {
        self.holder.as_ref().filter(|holder| self.waits_in_turn && holder.run.status.is_discardable())
    }
}

/// The run in the way, and where it stands.
fn in_the_way(holder: &RunView, workspace: &str) -> Markup {
    let status = holder.run.status;
    html! {
        a href={ (workspace) "/runs/" (holder.run.id) } { (holder.run.id) }
        ", which is " (status.as_str().replace('_', " "))
        @if status.is_confirmable() { " and waits for a decision" }
        "."
    }
}

/// Why the run does not go on by itself now, if it waits.
pub(super) fn render(view: &RunView, around: &Around) -> Option<Markup> {
    let workspace = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
    let locked = || {
        let reason = view.workspace.lock_reason.as_deref().filter(|reason| !reason.is_empty());
        html! {
            "the workspace is locked by " (around.name)
            @if let Some(reason) = reason { " (“" (reason) "”)" }
            ". It goes on once " a href=(workspace) { "the workspace is unlocked" } "."
        }
    };
    let place = view.position_in_queue;
    let queued = |what: &str| {
        html! { "Waits for a runner that is free to " (what) "." @if place > 0 { " Number " (place) " in the queue of " (view.organization) "." } }
    };
    Some(match (view.run.status, &view.workspace.lock_holder, &around.holder) {
        (RunStatus::Pending, Some(LockHolder::Recovery(_)), Some(holder)) => html! {
            "Waits: nobody knows what the apply of " a href={ (workspace) "/runs/" (holder.run.id) } { (holder.run.id) }
            " did. Look at that run, and adopt or discard the state that it left."
        },
        (RunStatus::Pending, _, Some(holder)) => html! { "Queued behind " (in_the_way(holder, &workspace)) },
        (RunStatus::Pending, Some(holder), None) if !matches!(holder, LockHolder::Run(_)) => {
            html! { "Waits: " (locked()) }
        }
        (RunStatus::Pending, ..) => html! { "Waits for its turn." },
        (RunStatus::PlanQueued, ..) => queued("plan it"),
        (RunStatus::ApplyQueued, ..) => queued("apply it"),
        (RunStatus::PlannedAndSaved, _, Some(holder)) => {
            html! { "The saved plan cannot be confirmed yet: the workspace is held by " (in_the_way(holder, &workspace)) }
        }
        (RunStatus::PlannedAndSaved, Some(_), None) => {
            html! { "The saved plan cannot be confirmed yet: " (locked()) }
        }
        _ => return None,
    })
}
