//! What people may do to a run now: each act with what comes of it, and what was said with it.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::App;
use terrane_app::runs::{self, RunAction, RunView};
use terrane_domain::access::Caller;
use terrane_domain::runs::RunStatus;

use super::waits::Around;
use super::{RunPath, find};
use crate::error::PageResult;
use crate::forms::{FormToken, Submitted};
use crate::paths::Path;
use crate::session::SignedIn;
use crate::times::Now;

/// A fold with one act: what it is called, what comes of it, the button.
fn fold(title: &str, text: &Markup, button: &str, action: &str, token: &FormToken) -> Markup {
    html! {
        details {
            summary { (title) }
            form method="post" action=(action) class="stack" {
                (token.field())
                p { (text) }
                label { "Comment (optional)" textarea name="comment" rows="2" autocomplete="off" {} }
                button class="danger" { (button) }
            }
        }
    }
}

fn decision(view: &RunView, base: &str, token: &FormToken) -> Markup {
    let destroyed = view.plan.counts.destructions;
    html! {
        @if destroyed > 0 {
            p class="note fault" { "This plan destroys " (destroyed) @if destroyed == 1 { " resource." } @else { " resources." } }
        }
        form method="post" class="stack" {
            (token.field())
            p {
                @if view.run.options.is_destroy {
                    "If you confirm, everything that this workspace manages is destroyed, as the plan says. "
                } @else {
                    "If you confirm, exactly this plan is carried out. "
                }
                "If you discard it, nothing is changed."
            }
            label for="decision-comment" { "Comment (optional)" }
            textarea id="decision-comment" name="comment" rows="2" autocomplete="off" {}
            div class="actions" {
                button formaction={ (base) "/apply" } class="primary" { "Confirm and apply" }
                button formaction={ (base) "/discard" } { "Discard" }
            }
        }
    }
}

fn cancel_text(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending | RunStatus::PlanQueued => "The run has not begun; nothing is changed, and it ends at once.",
        RunStatus::Applying => {
            "terraform is asked to stop. It finishes what it is doing and keeps the state, which may take minutes; what it did until then stays done."
        }
        _ => "The run is asked to stop, which may take a moment. Nothing was changed yet.",
    }
}

fn force_cancel(view: &RunView, now: Now, base: &str, token: &FormToken) -> Markup {
    let Some(moment) = view.force_cancel_available_at.filter(|_| !view.run.status.is_final()) else { return html! {} };
    if view.is_force_cancelable {
        let text = html! {
            "terraform is killed at once. What it did may be missing from the state: compare it with the real resources before the next run."
        };
        return fold("End this run by force", &text, "Force-cancel", &format!("{base}/force-cancel"), token);
    }
    let seconds = now.seconds_until(moment);
    html! {
        p class="quiet" data-again=(seconds) {
            "The run was asked to stop. If it does not, it can be ended by force in " (seconds) @if seconds == 1 { " second." } @else { " seconds." }
        }
    }
}

/// Everything that the caller may do now; nothing, if there is nothing.
pub(super) fn render(view: &RunView, around: &Around, now: Now, base: &str, token: &FormToken) -> Markup {
    let status = view.run.status;
    let may_decide = view.can_apply && view.is_confirmable;
    html! {
        @if may_decide { (decision(view, base, token)) }
        @else if view.is_confirmable { p class="quiet" { "Only who may apply runs in this workspace can confirm this plan." } }
        @if view.can_apply {
            @if status.is_discardable() && !may_decide {
                @let text = html! { "Nothing is changed, and what waits behind this run goes on." };
                (fold("Discard this run", &text, "Discard", &format!("{base}/discard"), token))
            }
            @if status.is_cancelable() && view.run.canceled_at.is_none() {
                @let text = html! { (cancel_text(status)) };
                (fold("Cancel this run", &text, "Cancel run", &format!("{base}/cancel"), token))
            }
            @if let Some(holder) = around.discardable_holder() {
                @let text = html! { "The plan of " (holder.run.id) " is discarded, and every run that waits before this one. Then this run begins." };
                (fold("Let this run go first", &text, "Force-execute", &format!("{base}/force-execute"), token))
            }
        }
        @if view.can_force_cancel { (force_cancel(view, now, base, token)) }
    }
}

async fn act(app: &App, caller: &Caller, path: &RunPath, action: RunAction, form: &Submitted) -> PageResult<Response> {
    let view = find(app, caller, path).await?;
    let comment = Some(form.lines("comment")).filter(|text| !text.trim().is_empty());
    runs::act(app, caller, view.run.id, action, comment).await?;
    Ok(Redirect::to(&path.address()).into_response())
}

/// One form for each act: all say the same, and lead back to the page.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $action:ident),+ $(,)?) => {$(
        $(#[$doc])*
        pub(crate) async fn $name(
            State(app): State<App>,
            SignedIn(caller): SignedIn,
            Path(path): Path<RunPath>,
            form: Submitted,
        ) -> PageResult<Response> {
            act(&app, &caller, &path, RunAction::$action, &form).await
        }
    )+};
}

actions! {
    /// Confirms the plan.
    apply => Confirm,
    /// Throws the run away.
    discard => Discard,
    /// Asks the run to stop.
    cancel => Cancel,
    /// Ends the run at once.
    force_cancel_run => ForceCancel,
    /// Lets the run go before all others.
    force_execute => ForceExecute,
}
