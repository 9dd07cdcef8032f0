//! The page of one run: where it stands, what comes next, and both logs as they grow.

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::Stream;
use maud::{Markup, html};
use serde::Deserialize;
use terrane_app::errored_states::Evidence;
use terrane_app::runs::{self, RunAction, RunView};
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::ids::RunId;
use terrane_domain::runner_protocol::SandboxLevel;
use terrane_domain::runs::{PhaseStatus, RunStatus};
use terrane_domain::workspaces::LockHolder;

use crate::error::PageResult;
use crate::errored_states;
use crate::forms::{FormToken, copyable};
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
fn render_summary(view: &RunView, evidence: Option<&Evidence>, now: Now, base: &str, token: &FormToken) -> Markup {
    let run = &view.run;
    html! {
        p class="status" { (status_badge(run.status)) span class="quiet" {
            "created " (now.time(run.created_at))
            @if let Some(level) = sandbox_level(view) { ", sandbox " (level) }
        } }
        (counts(view))
        @if let Some(reason) = run.reason {
            p class="note" { (run.reason_message.clone().unwrap_or_else(|| reason.sentence().to_owned())) }
        } @else if run.status == RunStatus::Pending {
            p class="note" {
                @match &view.workspace.lock_holder {
                    Some(holder) => {
                        "Waits: the workspace is locked by " (holder.describe()) "."
                        @if let LockHolder::Recovery(id) = holder {
                            " " a href={ "/app/" (view.organization) "/workspaces/" (view.workspace.name) "/runs/" (id) } { "Look at that run" }
                            " and adopt or discard the state that it left."
                        }
                    }
                    None => { "Waits for its turn." }
                }
            }
        }
        @if view.is_confirmable {
            @if view.can_apply {
                form method="post" class="actions" {
                    (token.field())
                    button formaction={ (base) "/apply" } class="primary" { "Confirm and apply" }
                    button formaction={ (base) "/discard" } { "Discard" }
                }
            } @else {
                p class="quiet" { "Only who may apply runs in this workspace can confirm this plan." }
            }
        }
        @if let Some(evidence) = evidence { (errored_states::render(evidence, now, base, token)) }
    }
}

fn log_section(title: &str, phase: &str, status: PhaseStatus, base: &str) -> Markup {
    html! {
        section class="phase" id={ "log-" (phase) } {
            h2 { (title) " " span class="quiet" data-status=(phase) { (status) } }
            div class="log" role="log" tabindex="0" aria-label={ "Log of the " (phase) } data-log={ (base) "/logs/" (phase) } {}
        }
    }
}

/// The whole page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<RunPath>,
) -> PageResult<Markup> {
    let view = find(&app, &caller, &path).await?;
    let evidence = errored_states::of_run(&app, &caller, &view).await?;
    let base = path.address();
    let workspace = format!("/app/{}/workspaces/{}", path.organization, path.workspace);
    let body = html! {
        p class="path" { a href={ "/app/" (path.organization) "/workspaces" } { (path.organization) } " / " a href=(workspace) { (path.workspace) } " / " (copyable(&path.run, "id")) }
        h1 { (view.run.message) }
        div id="summary" data-summary={ (base) "/summary" } data-changes={ (base) "/changes" } aria-live="polite" {
            (render_summary(&view, evidence.as_ref(), Now::of(&app), &base, &token))
        }
        (log_section("Plan", "plan", view.plan.status, &base))
        @if !view.run.plan_only { (log_section("Apply", "apply", view.apply.status, &base)) }
        noscript { p class="note" { "Logs are shown live with JavaScript; without it, reload to see how the run stands." } }
    };
    Ok(page(&view.run.message, &body))
}

/// The changing part alone.
pub(crate) async fn summary(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<RunPath>,
) -> PageResult<Markup> {
    let view = find(&app, &caller, &path).await?;
    let evidence = errored_states::of_run(&app, &caller, &view).await?;
    Ok(render_summary(&view, evidence.as_ref(), Now::of(&app), &path.address(), &token))
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

async fn act(app: &App, caller: &Caller, path: &RunPath, action: RunAction) -> PageResult<Response> {
    let view = find(app, caller, path).await?;
    runs::act(app, caller, view.run.id, action, None).await?;
    Ok(Redirect::to(&path.address()).into_response())
}

/// Confirms the plan.
pub(crate) async fn apply(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<RunPath>,
) -> PageResult<Response> {
    act(&app, &caller, &path, RunAction::Confirm).await
}

/// Throws the plan away.
pub(crate) async fn discard(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<RunPath>,
) -> PageResult<Response> {
    act(&app, &caller, &path, RunAction::Discard).await
}
