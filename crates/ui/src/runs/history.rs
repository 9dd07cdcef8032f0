//! A run's history: what happened when, who did it, and what people said.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::run_events::{self, RunEvents, Wanted};
use terrane_app::runs::RunView;
use terrane_app::{App, comments};
use terrane_domain::access::Caller;
use terrane_domain::run_events::{RunEvent, RunEventAction};
use terrane_domain::runs::RunStatus;
use terrane_domain::time::Timestamp;

use super::{RunPath, find, render};
use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, fault};
use crate::paths::Path;
use crate::session::SignedIn;
use crate::times::Now;

/// What was done, after the name of who did it.
const fn deed(action: RunEventAction) -> &'static str {
    match action {
        RunEventAction::Created => "queued the run",
        RunEventAction::Commented => "said",
        RunEventAction::Confirmed => "confirmed the plan",
        RunEventAction::Discarded => "discarded the run",
        RunEventAction::Canceled => "canceled the run",
        RunEventAction::ForceCanceled => "ended the run by force",
        RunEventAction::ForceExecuted => "let the run go before all others",
        RunEventAction::StateAdopted => "adopted the state that the apply left",
        RunEventAction::StateDiscarded => "discarded the state that the apply left",
    }
}

/// One line of the history.
struct Entry {
    at: Timestamp,
    /// Orders what came within one millisecond, which is all that the moments of statuses tell.
    rank: usize,
    what: Markup,
}

impl Entry {
    fn order(&self) -> (i64, usize) {
        (self.at.as_micros() / 1000, self.rank)
    }
}

/// Where a status stands in the life of a run.
fn place(status: RunStatus) -> usize {
    2 * RunStatus::ALL.iter().position(|other| *other == status).unwrap_or(0) + 2
}

/// A deed comes before the status that follows from it.
fn rank(action: RunEventAction) -> usize {
    match action {
        RunEventAction::Created => 0,
        RunEventAction::ForceExecuted => 1,
        RunEventAction::Confirmed => place(RunStatus::Confirmed) - 1,
        RunEventAction::Discarded => place(RunStatus::Discarded) - 1,
        RunEventAction::Canceled | RunEventAction::ForceCanceled => place(RunStatus::Canceled) - 1,
        RunEventAction::StateAdopted | RunEventAction::StateDiscarded => place(RunStatus::Errored) + 1,
        RunEventAction::Commented => usize::MAX,
    }
}

fn of_event(event: &RunEvent, found: &RunEvents) -> Entry {
    let actor = found.actors.iter().find(|user| Some(&user.id) == event.actor_id.as_ref());
    let comment = found.comments.iter().find(|comment| Some(&comment.id) == event.comment_id.as_ref());
    let what = html! {
        strong { (actor.map_or("A token or the server", |user| user.username.as_str())) } " " (deed(event.action))
        @if let Some(comment) = comment { p class="value said" { (comment.body) } }
    };
    Entry { at: event.created_at, rank: rank(event.action), what }
}

/// Where the run stood when, by its timestamps.
fn of_statuses(view: &RunView) -> Vec<Entry> {
    let moments = view.run.status_timestamps.as_object().into_iter().flatten();
    let entry = |(key, moment): (&String, &serde_json::Value)| {
        let status: RunStatus = key.strip_suffix("-at")?.replace('-', "_").parse().ok()?;
        let what = html! { span class="quiet" { (status.as_str().replace('_', " ")) } };
        Some(Entry { at: moment.as_str()?.parse().ok()?, rank: place(status), what })
    };
    moments.filter_map(entry).collect()
}

/// The list, oldest first.
pub(super) async fn entries(app: &App, caller: &Caller, view: &RunView) -> PageResult<Markup> {
    let found = run_events::list(app, caller, view.run.id.clone(), Wanted { actor: true, comment: true }).await?;
    let mut entries: Vec<_> = found.events.iter().map(|event| of_event(event, &found)).collect();
    entries.extend(of_statuses(view));
    entries.sort_by_key(Entry::order);
    let now = Now::of(app);
    Ok(html! {
        ol class="list history" {
            @for entry in &entries { li { div class="grow" { (entry.what) } span class="quiet" { (now.time(entry.at)) } } }
        }
    })
}

/// The section with the form for who may say something; `refused` is what was said, and why it cannot be.
pub(super) fn section(
    entries: &Markup,
    view: &RunView,
    base: &str,
    token: &FormToken,
    refused: Option<&(String, Wrong)>,
) -> Markup {
    let wrong = refused.map(|(_, wrong)| wrong);
    let field = Field { label: "Comment", name: "body", form: "", wrong, is_disabled: false };
    html! {
        section aria-labelledby="history" {
            h2 id="history" { "History" }
            div data-part={ (base) "/history" } { (entries) }
            @if view.can_comment {
                (fault(wrong.and_then(|wrong| wrong.beside(&["body"]))))
                form method="post" action={ (base) "/comments" } class="stack" {
                    (token.field())
                    (field.text(refused.map_or("", |(text, _)| text)))
                    button { "Comment" }
                }
            }
        }
    }
}

/// The list alone, for a page that stays open.
pub(crate) async fn history(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<RunPath>,
) -> PageResult<Markup> {
    let view = find(&app, &caller, &path).await?;
    entries(&app, &caller, &view).await
}

/// Says something about the run.
pub(crate) async fn comment(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<RunPath>,
    form: Submitted,
) -> PageResult<Response> {
    let view = find(&app, &caller, &path).await?;
    let body = form.lines("body");
    match comments::create(&app, &caller, view.run.id.clone(), body.clone()).await {
        Ok(_) => Ok(Redirect::to(&format!("{}#history", path.address())).into_response()),
        Err(error) => {
            let refused = (body, Wrong::new(error)?);
            let page = render(&app, &caller, &view, &path, &token, Some(&refused)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
