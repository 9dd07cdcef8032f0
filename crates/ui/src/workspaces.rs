//! The lists of workspaces. Each workspace's own pages are in files of their own.

mod connect;
mod deletion;
mod fields;
mod filters;
mod locks;
mod new;
mod overview;
mod settings;

use std::collections::HashMap;

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::organizations::{OrganizationFilter, OrganizationView};
use terrane_app::runs::RunView;
use terrane_app::workspaces::{Related, Wanted, WorkspaceFilter, WorkspaceKey, WorkspaceView};
use terrane_app::{App, organizations, workspaces};
use terrane_domain::access::Caller;
use terrane_domain::ids::RunId;
use terrane_domain::workspaces::LockHolder;

pub(crate) use connect::show as show_connect;
pub(crate) use deletion::{delete, show_delete};
pub(crate) use locks::{force_unlock, lock, unlock};
pub(crate) use new::{create, show_new};
pub(crate) use overview::{holder_name, show};
pub(crate) use settings::{show_settings, update_settings};

use crate::error::PageResult;
use crate::forms::{Parameters, button};
use crate::layout::{Pager, ROWS, organization_page, page};
use crate::paths::Path;
use crate::progress::status_badge;
use crate::session::SignedIn;
use crate::times::Now;

use filters::{Choices, Filters};

/// The names of an address.
pub(crate) fn key(organization: &str, workspace: &str) -> WorkspaceKey {
    WorkspaceKey::Name { organization: organization.to_owned(), workspace: workspace.to_owned() }
}

/// Current runs and holders of locks, by as many statements for a page of workspaces as for one.
pub(crate) async fn related(app: &App, caller: &Caller, views: &[WorkspaceView]) -> PageResult<Related> {
    let wanted = Wanted { current_run: true, locked_by: true, ..Wanted::default() };
    Ok(workspaces::related(app, caller, views, wanted).await?)
}

/// What makes the first workspace appear.
fn hint(app: &App, organization: &str) -> Markup {
    html! {
        p { "No workspace yet. Make one here, or let " code { "terraform init" } " make it:" }
        (connect::steps(app, organization, "my-workspace"))
    }
}

fn rows(views: &[WorkspaceView], related: &Related, now: Now) -> Markup {
    let runs: HashMap<&RunId, &RunView> = related.runs.iter().map(|run| (&run.run.id, run)).collect();
    html! {
        ul class="list" {
            @for view in views {
                @let here = format!("/app/{}/workspaces/{}", view.organization, view.workspace.name);
                li {
                    a class="grow" href=(here) { (view.workspace.name) }
                    @if let Some(holder) = &view.workspace.lock_holder {
                        span class="quiet" { "locked by " @if matches!(holder, LockHolder::Run(_)) { "a run" } @else { (overview::holder_name(holder, &related.users)) } }
                    }
                    span class="quiet" { "changed " (now.time(view.workspace.latest_change_at)) }
                    @match view.workspace.current_run_id.as_ref().and_then(|id| runs.get(id)) {
                        Some(run) => a class="state" href={ (here) "/runs/" (run.run.id) } { (status_badge(run.run.status)) }
                        None => span class="state quiet" { "no run" }
                    }
                }
            }
        }
    }
}

/// Every organization of the caller with its first workspaces.
pub(crate) async fn home(State(app): State<App>, SignedIn(caller): SignedIn) -> PageResult<Markup> {
    let mut sections = Vec::new();
    for OrganizationView { organization, .. } in
        organizations::list(&app, &caller, OrganizationFilter::default()).await?
    {
        let filter = WorkspaceFilter::default();
        let (views, total) = workspaces::list(&app, &caller, &organization.name, filter, ROWS, 0).await?;
        let related = related(&app, &caller, &views).await?;
        sections.push((organization.name, views, related, total));
    }
    let body = html! {
        @if sections.is_empty() {
            h1 { "Workspaces" }
            p class="quiet" { "You are in no organization yet. Ask an owner of one for an invitation." }
        }
        @for (organization, views, related, total) in &sections {
            @let list = format!("/app/{organization}/workspaces");
            h1 { a href=(list) { (organization) } }
            @if views.is_empty() { (hint(&app, organization)) } @else { (rows(views, related, Now::of(&app))) }
            @if *total > ROWS { p { a href=(list) { "All " (total) " workspaces" } } }
        }
    };
    Ok(page("Workspaces", &body))
}

/// The workspaces of an organization, searched and in pages.
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Parameters,
    Path(organization): Path<String>,
) -> PageResult<Markup> {
    let view = organizations::read(&app, &caller, &organization).await?;
    let (filters, pager) = (Filters::new(&query), Pager::new(&query));
    let choices = Choices::read(&app, &caller, &organization).await?;
    let (views, total) = match filters.resolve(&app, &caller, &organization).await? {
        Some(filter) => workspaces::list(&app, &caller, &organization, filter, ROWS, pager.offset()).await?,
        None => (Vec::new(), 0),
    };
    let related = related(&app, &caller, &views).await?;
    let is_allowed = new::is_allowed(&app, &caller, &view).await?;
    let here = format!("/app/{organization}/workspaces");
    let body = html! {
        div class="head" {
            h1 { "Workspaces" }
            @if is_allowed {
                a class="button primary" href={ "/app/" (organization) "/new-workspace" } { "New workspace" }
            } @else {
                (button("New workspace", Some(new::NO_RIGHT)))
            }
        }
        (filters::render(&filters, &choices, &here))
        @if !views.is_empty() {
            (rows(&views, &related, Now::of(&app)))
        } @else if total == 0 && !filters.is_empty() {
            p { "No workspace that you may see is like this." @if !filters.search.is_empty() { " The name was to contain “" (filters.search) "”." } }
        } @else if total == 0 {
            (hint(&app, &organization))
        }
        (pager.render(&here, &filters.pairs(), total))
    };
    Ok(organization_page(&view, "Workspaces", "Workspaces", &body))
}
