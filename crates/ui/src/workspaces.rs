//! The list of workspaces, and one workspace with its runs.

use axum::extract::{Path, State};
use maud::{Markup, html};
use terrane_app::organizations::{OrganizationFilter, OrganizationView};
use terrane_app::workspaces::{WorkspaceFilter, WorkspaceKey};
use terrane_app::{App, organizations, runs, workspaces};

use crate::error::PageResult;
use crate::layout::page;
use crate::runs::status_badge;
use crate::session::SignedIn;

const PAGE: i64 = 100;

/// Every organization of the caller with its workspaces.
pub(crate) async fn home(State(app): State<App>, SignedIn(caller): SignedIn) -> PageResult<Markup> {
    let mut sections = Vec::new();
    for OrganizationView { organization, .. } in
        organizations::list(&app, &caller, OrganizationFilter::default()).await?
    {
        let filter = WorkspaceFilter::default();
        let (views, total) = workspaces::list(&app, &caller, &organization.name, filter, PAGE, 0).await?;
        sections.push((organization.name, views, total));
    }
    let body = html! {
        @for (organization, views, total) in &sections {
            h1 { (organization) }
            @if views.is_empty() {
                p class="quiet" { "No workspace yet. Write a " code { "cloud" } " block with the organization " code { (organization) } " and run " code { "terraform init" } "." }
            } @else {
                ul class="list" {
                    @for view in views {
                        li {
                            a href={ "/app/" (organization) "/workspaces/" (view.workspace.name) } { (view.workspace.name) }
                            @if let Some(reason) = &view.workspace.lock_reason { span class="quiet" { "locked: " (reason) } }
                        }
                    }
                }
                @if *total > PAGE { p class="quiet" { "The first " (PAGE) " of " (total) " are shown." } }
            }
        }
    };
    Ok(page("Workspaces", &body))
}

/// One workspace and its newest runs.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let key = WorkspaceKey::Name { organization: organization.clone(), workspace: workspace.clone() };
    let view = workspaces::read(&app, &caller, key.clone()).await?;
    let (runs, total) = runs::list(&app, &caller, key, true, 20, 0).await?;
    let body = html! {
        p class="path" { a href="/app" { (organization) } " / " }
        h1 { (view.workspace.name) }
        @if let (Some(holder), Some(reason)) = (&view.workspace.lock_holder, &view.workspace.lock_reason) {
            p class="note" { "Locked by " (holder.describe()) ". " (reason) }
        }
        @if runs.is_empty() {
            p class="quiet" { "No run yet. " code { "terraform plan" } " starts one." }
        } @else {
            ul class="list" {
                @for run in &runs {
                    li {
                        (status_badge(run.run.status))
                        a href={ "/app/" (organization) "/workspaces/" (workspace) "/runs/" (run.run.id) } { (run.run.message) }
                        span class="quiet" { (run.run.created_at) }
                    }
                }
            }
            @if total > 20 { p class="quiet" { "The newest 20 of " (total) " are shown." } }
        }
    };
    Ok(page(&view.workspace.name, &body))
}
