//! The lists of workspaces. Each workspace's own pages are in files of their own.

mod locks;
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

pub(crate) use locks::{force_unlock, lock, unlock};
pub(crate) use overview::show;
pub(crate) use settings::{show_settings, update_settings};

use crate::error::PageResult;
use crate::forms::Parameters;
use crate::layout::{Pager, ROWS, organization_page, page};
use crate::paths::Path;
use crate::runs::status_badge;
use crate::session::SignedIn;

/// The names of an address.
pub(crate) fn key(organization: &str, workspace: &str) -> WorkspaceKey {
    WorkspaceKey::Name { organization: organization.to_owned(), workspace: workspace.to_owned() }
}

/// Current runs and holders of locks, by as many statements for a page of workspaces as for one.
async fn related(app: &App, caller: &Caller, views: &[WorkspaceView]) -> PageResult<Related> {
    let wanted = Wanted { current_run: true, locked_by: true, ..Wanted::default() };
    Ok(workspaces::related(app, caller, views, wanted).await?)
}

/// What makes a workspace appear: a block to copy.
fn hint(app: &App, organization: &str) -> Markup {
    let host = app.public_url().trim_start_matches("https://").trim_start_matches("http://");
    let block = format!(
        "terraform {{\n  cloud {{\n    hostname     = \"{host}\"\n    organization = \"{organization}\"\n    workspaces {{\n      name = \"my-workspace\"\n    }}\n  }}\n}}"
    );
    html! {
        p { "No workspace yet. Put this into your configuration, and run " code { "terraform init" } ": it makes the workspace." }
        pre class="log" tabindex="0" aria-label="Configuration to copy" { (block) }
        p class="quiet" { "Not signed in at the command line? " code { "terraform login " (host) } " does it." }
    }
}

fn rows(views: &[WorkspaceView], related: &Related) -> Markup {
    let runs: HashMap<&RunId, &RunView> = related.runs.iter().map(|run| (&run.run.id, run)).collect();
    html! {
        ul class="list" {
            @for view in views {
                li {
                    a class="grow" href={ "/app/" (view.organization) "/workspaces/" (view.workspace.name) } { (view.workspace.name) }
                    @if let Some(holder) = &view.workspace.lock_holder {
                        span class="quiet" { "locked by " (overview::holder_name(holder, &related.users)) }
                    }
                    @match view.workspace.current_run_id.as_ref().and_then(|id| runs.get(id)) {
                        Some(run) => (status_badge(run.run.status))
                        None => span class="quiet" { "no run" }
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
            @if views.is_empty() { (hint(&app, organization)) } @else { (rows(views, related)) }
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
    let search = query.get("search").unwrap_or_default().trim().replace('\0', "");
    let pager = Pager::new(&query);
    let filter = WorkspaceFilter { name_part: Some(search.clone()), ..WorkspaceFilter::default() };
    let (views, total) = workspaces::list(&app, &caller, &organization, filter, ROWS, pager.offset()).await?;
    let related = related(&app, &caller, &views).await?;
    let here = format!("/app/{organization}/workspaces");
    let body = html! {
        h1 { "Workspaces" }
        form method="get" action=(here) class="search" role="search" {
            label for="search" { "Name contains" }
            input id="search" name="search" type="search" value=(search) autocomplete="off";
            button { "Search" }
            @if !search.is_empty() { a href=(here) { "Show all" } }
        }
        @if !views.is_empty() {
            (rows(&views, &related))
        } @else if !search.is_empty() {
            p { "No workspace that you may see has “" (search) "” in its name." }
        } @else if total == 0 {
            (hint(&app, &organization))
        }
        (pager.render(&here, &[("search", &search)], total))
    };
    Ok(organization_page(&view, "Workspaces", &body))
}
