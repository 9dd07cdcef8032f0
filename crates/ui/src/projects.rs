//! The projects of an organization.

mod new;

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::projects::{self, ProjectFilter, ProjectView};
use terrane_app::{App, organizations};
use terrane_domain::access::Action;

pub(crate) use new::{create, show_new};

use crate::error::PageResult;
use crate::forms::{Parameters, button};
use crate::layout::{Pager, ROWS, organization_page};
use crate::paths::Path;
use crate::session::SignedIn;

/// The address of the project's workspaces.
pub(crate) fn workspaces_address(view: &ProjectView) -> String {
    let name: String = form_urlencoded::byte_serialize(view.project.name.as_bytes()).collect();
    format!("/app/{}/workspaces?project={name}", view.organization)
}

fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn row(here: &str, view: &ProjectView) -> Markup {
    html! {
        li {
            span class="grow" {
                a href=(workspaces_address(view)) { (view.project.name) }
                @if let Some(description) = view.project.description.as_deref().filter(|text| !text.is_empty()) {
                    br; span class="quiet" { (description) }
                }
            }
            span class="quiet" { (counted(view.workspace_count, "workspace")) }
            @if view.may(Action::ReadProjectTeams) {
                a href={ (here) "/" (view.project.id) "/team-access" } aria-label={ "Team access to " (view.project.name) } {
                    (counted(view.team_count, "team"))
                }
            } @else {
                span class="quiet" { (counted(view.team_count, "team")) }
            }
        }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Parameters,
    Path(organization): Path<String>,
) -> PageResult<Markup> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let name = &organization.organization.name;
    let pager = Pager::new(&query);
    let rows = (ROWS, pager.offset());
    let found = projects::list(&app, &caller, name, ProjectFilter::default(), Vec::new(), rows).await?;
    let here = format!("/app/{name}/projects");
    let body = html! {
        div class="head" {
            h1 { "Projects" }
            @if organization.may(Action::CreateProject) {
                a class="button primary" href={ "/app/" (name) "/new-project" } { "New project" }
            } @else {
                (button("New project", Some(new::NO_RIGHT)))
            }
        }
        @if found.matching == 0 {
            p class="quiet" { "There is no project that you may see." }
        } @else if !found.views.is_empty() {
            ul class="list" { @for view in &found.views { (row(&here, view)) } }
        }
        (pager.render(&here, &[], found.matching))
    };
    Ok(organization_page(&organization, "Projects", "Projects", &body))
}
