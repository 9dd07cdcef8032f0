//! The page of one run: where it stands, what comes next, and both logs as they grow.

mod actions;
mod history;
mod new;
mod options;
mod waits;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use maud::{Markup, html};
use serde::Deserialize;
use terrane_app::runs::{self, RunView};
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::ids::RunId;
use terrane_domain::runner_protocol::SandboxLevel;
use terrane_domain::runs::PhaseStatus;

pub(crate) use actions::{apply, cancel, discard, force_cancel_run, force_execute};
pub(crate) use history::{comment, history};
pub(crate) use new::{create, show_new, why_not};

use crate::error::PageResult;
use crate::errored_states;
use crate::forms::{FormToken, Wrong, copyable};
use crate::layout::page;
use crate::paths::Path;
use crate::progress::status_badge;
use crate::session::{SignedIn, Watch};
use crate::times::Now;

/// The parts of the address.
#[derive(Deserialize)]
pub(crate) struct RunPath {
    organization: String,
    workspace: String,
    run: String,
}

impl RunPath {
    pub(crate) const fn new(organization: String, workspace: String, run: String) -> Self {
        Self { organization, workspace, run }
    }

    pub(crate) fn address(&self) -> String {
        format!("/app/{}/workspaces/{}/runs/{}", self.organization, self.workspace, self.run)
    }
}

/// The run, if it is the one that the address says.
pub(crate) async fn find(app: &App, caller: &Caller, path: &RunPath) -> PageResult<RunView> {
    let id: RunId = path.run.parse().map_err(|_| AppError::NotFound)?;
    let view = runs::read(app, caller, id).await?;
    if view.organization != path.organization || view.workspace.name != path.workspace {
        return Err(AppError::NotFound.into());
    }
    Ok(view)
}

/// A count, with a colour only where there is something.
fn count(class: &str, sign: &str, count: i64, what: &str) -> Markup {
    html! { span class=(if count == 0 { "quiet" } else { class }) { (sign) (count) " " (what) } }
}

fn counts(view: &RunView) -> Markup {
    let (plan, counts) = (view.plan.status, view.plan.counts);
    html! {
        @if plan == PhaseStatus::Finished {
            p class="counts" {
                @if view.run.has_changes {
                    (count("add", "+", counts.additions, "to add"))
                    (count("change", "~", counts.changes, "to change"))
                    (count("destroy", "−", counts.destructions, "to destroy"))
                    @if counts.imports > 0 { (count("add", "", counts.imports, "to import")) }
                } @else { "No changes." }
            }
        }
    }
}

/// The weaker one, if plan and apply were not done alike.
fn sandbox_level(view: &RunView) -> Option<SandboxLevel> {
    [&view.plan, &view.apply].into_iter().filter_map(|phase| phase.sandbox_level).min()
}

/// The part that changes while the run goes on.
async fn render_summary(
    app: &App,
    caller: &Caller,
    view: &RunView,
    base: &str,
    token: &FormToken,
) -> PageResult<Markup> {
    let (run, now) = (&view.run, Now::of(app));
    let around = waits::Around::read(app, caller, view).await?;
    let evidence = errored_states::of_run(app, caller, view).await?;
    Ok(html! {
        p class="status" { (status_badge(run.status)) span class="quiet" {
            "created " (now.time(run.created_at))
            @if let Some(level) = sandbox_level(view) { ", sandbox " (level) }
        } }
        (counts(view))
        @if let Some(reason) = run.reason {
            p class="note" { (run.reason_message.clone().unwrap_or_else(|| reason.sentence().to_owned())) }
        } @else if let Some(wait) = waits::render(view, &around) {
            p class="note" { (wait) }
        }
        (actions::render(view, &around, now, base, token))
        @if let Some(evidence) = &evidence { (errored_states::render(evidence, now, base, token)) }
    })
}

fn log_section(title: &str, phase: &str, status: PhaseStatus, base: &str) -> Markup {
    html! {
        section class="phase" id={ "log-" (phase) } {
            h2 { (title) " " span class="quiet" data-status=(phase) { (status) } }
            div class="log" role="log" tabindex="0" aria-label={ "Log of the " (phase) } data-log={ (base) "/logs/" (phase) } {}
        }
    }
}

async fn render(
    app: &App,
    caller: &Caller,
    view: &RunView,
    path: &RunPath,
    token: &FormToken,
    refused: Option<&(String, Wrong)>,
) -> PageResult<Markup> {
    let base = path.address();
    let workspace = format!("/app/{}/workspaces/{}", path.organization, path.workspace);
    let summary = render_summary(app, caller, view, &base, token).await?;
    let options = options::render(app, caller, view, Now::of(app)).await?;
    let entries = history::entries(app, caller, view).await?;
    let body = html! {
        p class="path" { a href={ "/app/" (path.organization) "/workspaces" } { (path.organization) } " / " a href=(workspace) { (path.workspace) } " / " (copyable(&path.run, "id")) }
        h1 { (view.run.message) }
        div data-part={ (base) "/summary" } data-changes={ (base) "/changes" } aria-live="polite" { (summary) }
        (options)
        (log_section("Plan", "plan", view.plan.status, &base))
        @if !view.run.plan_only { (log_section("Apply", "apply", view.apply.status, &base)) }
        noscript { p class="note" { "Logs are shown live with JavaScript; without it, reload to see how the run stands." } }
        (history::section(&entries, view, &base, token, refused))
    };
    Ok(page(&view.run.message, &body))
}

/// The whole page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<RunPath>,
) -> PageResult<Markup> {
    let view = find(&app, &caller, &path).await?;
    render(&app, &caller, &view, &path, &token, None).await
}

/// The changing part alone.
pub(crate) async fn summary(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<RunPath>,
) -> PageResult<Markup> {
    let view = find(&app, &caller, &path).await?;
    render_summary(&app, &caller, &view, &path.address(), &token).await
}

/// The phases' statuses, for the headings of the logs.
fn statuses_of(view: &RunView) -> String {
    serde_json::json!({ "plan": view.plan.status, "apply": view.apply.status }).to_string()
}

/// Tells the page whenever the run changed; ends with the run.
pub(crate) async fn changes(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    watch: Watch,
    Path(path): Path<RunPath>,
) -> PageResult<Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>>> {
    let view = find(&app, &caller, &path).await?;
    let statuses = futures_util::stream::unfold(Some(view), move |last| {
        let (app, caller, watch) = (app.clone(), caller.clone(), watch.clone());
        async move {
            let last = last?;
            if last.run.status.is_final() {
                return Some((Ok(Event::default().event("end").data(statuses_of(&last))), None));
            }
            let next = runs::changed(&app, &caller, &last).await.ok()?;
            if !watch.is_open(&app).await {
                return None;
            }
            let event = Event::default().event("run").data(statuses_of(&next));
            Some((Ok(event), Some(next)))
        }
    });
    Ok(Sse::new(statuses).keep_alive(KeepAlive::default()))
}
