//! One state: what it says, what it manages, the file itself.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;
use terrane_app::state_versions::{self, StateVersionView, Wanted};
use terrane_app::workspaces::WorkspaceView;
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::workspaces::LockHolder;

use super::outputs::{self, Sensitive};
use super::{address, counted, find, managed, origin, read, rollback, size};
use crate::error::PageResult;
use crate::forms::{FormToken, Parameters, copyable};
use crate::layout::{Pager, ROWS, workspace_page};
use crate::paths::Path;
use crate::session::SignedIn;
use crate::times::Now;
use crate::workspaces::related;

/// What the address asks for besides the state, and what is to be said.
#[derive(Default)]
pub(super) struct Said {
    shows_sensitive: bool,
    is_rolled_back: bool,
    pager: Pager,
    wrong: Option<String>,
}

impl Said {
    /// What was refused, and why.
    pub(super) fn wrong(text: String) -> Self {
        Self { wrong: Some(text), ..Self::default() }
    }
}

/// One resource as terraform's addresses have it, without its instances.
fn resource(resource: &Value) -> Markup {
    let text = |name: &str| resource[name].as_str().unwrap_or_default();
    let module = Some(text("module")).filter(|module| *module != "root");
    html! {
        li {
            code class="grow" { @if let Some(module) = module { (module) "." } (text("type")) "." (text("name")) }
            span class="quiet" { (counted(resource["count"].as_u64().unwrap_or(0), "instance")) }
        }
    }
}

fn resources(view: &StateVersionView, pager: &Pager, here: &str) -> Markup {
    let all = view.version.resources.as_array().map(Vec::as_slice).unwrap_or_default();
    let skip = usize::try_from(pager.offset()).unwrap_or(usize::MAX);
    let shown: Vec<_> = all.iter().skip(skip).take(usize::try_from(ROWS).unwrap_or(0)).collect();
    html! {
        section aria-labelledby="resources" {
            h2 id="resources" { "Resources" }
            @if all.is_empty() { p class="quiet" { "None." } }
            @else if !shown.is_empty() { ul class="list" { @for found in shown { (resource(found)) } } }
            (pager.render(here, &[], i64::try_from(all.len()).unwrap_or(i64::MAX)))
        }
    }
}

/// The page.
pub(super) async fn render(
    app: &App,
    caller: &Caller,
    workspace: &WorkspaceView,
    view: &StateVersionView,
    token: &FormToken,
    said: &Said,
) -> PageResult<Markup> {
    let version = &view.version;
    let here = address(workspace, version);
    let wanted = Wanted { outputs: true, created_by: true, ..Wanted::default() };
    let found = state_versions::related(app, caller, std::slice::from_ref(view), wanted).await?;
    let holders = related(app, caller, std::slice::from_ref(workspace)).await?;
    let address_of_sensitive = format!("{here}?sensitive=shown#outputs");
    let sensitive = if said.shows_sensitive { Sensitive::Shown } else { Sensitive::Folded(&address_of_sensitive) };
    let is_own = matches!(&workspace.workspace.lock_holder, Some(LockHolder::User(id)) if caller.user_id() == Some(id));
    let body = html! {
        p class="path" { a href={ "/app/" (workspace.organization) "/workspaces/" (workspace.workspace.name) "/states" } { "States" } " / serial " (version.serial) }
        h2 { "State with serial " (version.serial) }
        @if said.is_rolled_back {
            p class="note done" role="status" {
                "Rolled back: this copy is the current state now."
                @if is_own { " The workspace is still locked by you; " a href={ "/app/" (workspace.organization) "/workspaces/" (workspace.workspace.name) } { "unlock it" } " when you are done." }
            }
        }
        dl class="facts" {
            div { dt { "Made" } dd { (Now::of(app).time(version.created_at)) " " (origin(workspace, version, &found)) } }
            div { dt { "Manages" } dd { (counted(managed(version), "resource")) } }
            div { dt { "Size" } dd { (size(version.size)) } }
            @if let Some(terraform) = &version.terraform_version { div { dt { "Terraform version" } dd { (terraform) } } }
            div { dt { "Lineage" } dd { code { (version.lineage) } } }
            div { dt { "Id" } dd { (copyable(version.id.as_str(), "id")) } }
        }
        @if version.blob.is_some() {
            p { a class="button" href={ (here) "/download" } { "Download the state" } }
            p class="quiet" { "It holds every value, sensitive ones too." }
        } @else {
            p class="note" { "The bytes of this state have not come, so there is nothing to download." }
        }
        (outputs::render(&found.outputs, sensitive))
        (resources(view, &said.pager, &here))
        (rollback::section(workspace, version, caller, &holders, token, said.wrong.as_deref()))
    };
    Ok(workspace_page(workspace, "States", &body))
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path((organization, workspace, version)): Path<(String, String, String)>,
) -> PageResult<Markup> {
    let workspace = read(&app, &caller, &organization, &workspace).await?;
    let view = find(&app, &caller, &workspace, &version).await?;
    let said = Said {
        shows_sensitive: query.get("sensitive") == Some("shown"),
        is_rolled_back: query.get("rolled-back").is_some(),
        pager: Pager::new(&query),
        wrong: None,
    };
    render(&app, &caller, &workspace, &view, &token, &said).await
}

/// The file, by an address that is made for this click.
pub(crate) async fn download(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace, version)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let workspace = read(&app, &caller, &organization, &workspace).await?;
    let view = find(&app, &caller, &workspace, &version).await?;
    let address = view.download_url.ok_or(AppError::NotFound)?;
    Ok(Redirect::to(&address).into_response())
}
