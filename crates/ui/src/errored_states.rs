//! The part of a run's page about what its apply left: the evidence, and the two decisions.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use terrane_app::errored_states::{self, Evidence};
use terrane_app::{App, runs::RunView};
use terrane_domain::access::Caller;
use terrane_domain::errored_states::{ErroredState, Resolution};
use terrane_domain::runs::PhaseStatus;

use crate::error::PageResult;
use crate::forms::{FormToken, button};
use crate::paths::Path;
use crate::runs::{RunPath, find};
use crate::session::SignedIn;
use crate::times::Now;

/// The evidence about a run, if its apply did not end well.
pub(crate) async fn of_run(app: &App, caller: &Caller, view: &RunView) -> PageResult<Option<Evidence>> {
    match view.apply.status {
        PhaseStatus::Errored | PhaseStatus::Canceled => {
            Ok(errored_states::read(app, caller, view.run.id.clone()).await?)
        }
        _ => Ok(None),
    }
}

fn left(state: &ErroredState, now: Now) -> Markup {
    html! {
        @match state.serial {
            Some(serial) => { "serial " (serial) }
            None => { "not readable" }
        }
        ", " (state.size) " bytes, handed over " (now.time(state.created_at))
        @if let Some((resolution, moment)) = state.resolution.zip(state.resolved_at) {
            ", " (match resolution { Resolution::Adopted => "adopted", Resolution::Discarded => "discarded" }) " " (now.time(moment))
        }
    }
}

fn facts(evidence: &Evidence, now: Now) -> Markup {
    html! {
        ul {
            li { a href="#log-apply" { "The log of the apply" } " ends with what terraform did last." }
            @if evidence.can_read {
                li {
                    "The workspace's last good state: "
                    @match &evidence.current {
                        Some(version) => { "serial " (version.serial) ", stored " (now.time(version.created_at)) }
                        None => { "none yet" }
                    }
                    "."
                }
                li {
                    "The state that the apply left: "
                    @match &evidence.state {
                        Some(state) => { (left(state, now)) "." }
                        None => {
                            "not handed over. If the runner has a newer one, it lies sealed in the folder " code { "spool/" (evidence.job_id) }
                            " of the runner's data folder, and comes when the runner starts again."
                        }
                    }
                }
            } @else {
                li { "What its states are is for those who may read the states of this workspace." }
            }
        }
    }
}

/// The section, with the forms while there is something to decide.
pub(crate) fn render(evidence: &Evidence, now: Now, base: &str, token: &FormToken) -> Markup {
    let is_open = evidence.state.as_ref().is_some_and(|state| state.resolution.is_none());
    let why_not = (!evidence.can_resolve).then_some("You need the right to write states and to lock this workspace.");
    html! {
        section {
            h2 { "What the apply left" }
            @if evidence.is_locked {
                p { "The workspace stays locked until someone has decided. Nothing is tried again by itself." }
            }
            (facts(evidence, now))
            @if is_open {
                details {
                    summary { "Adopt the state that the apply left" }
                    form method="post" action={ (base) "/adopt-state" } class="stack" {
                        (token.field())
                        p class="quiet" { "It becomes the workspace's newest state, so that terraform knows what the apply made. Waiting runs go on, and plan against it." }
                        (button("Adopt this state", why_not))
                    }
                }
            }
            @if is_open || evidence.is_locked {
                details {
                    summary { "Go on with the last good state" }
                    form method="post" action={ (base) "/discard-state" } class="stack" {
                        (token.field())
                        p class="quiet" { "What the apply made after that state is unknown to terraform, which may want to make it again: look at the real resources first. Waiting runs go on. What was handed over is kept, but cannot be adopted any more." }
                        (button("Discard and unlock", why_not))
                    }
                }
            }
        }
    }
}

/// Makes what the apply left the workspace's state.
pub(crate) async fn adopt(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<RunPath>,
) -> PageResult<Response> {
    let view = find(&app, &caller, &path).await?;
    errored_states::adopt(&app, &caller, view.run.id, None).await?;
    Ok(Redirect::to(&path.address()).into_response())
}

/// Goes on without it.
pub(crate) async fn discard(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<RunPath>,
) -> PageResult<Response> {
    let view = find(&app, &caller, &path).await?;
    errored_states::discard(&app, &caller, view.run.id, None).await?;
    Ok(Redirect::to(&path.address()).into_response())
}
