//! The states that a workspace ever had. Each one's own page is in a file of its own.

mod outputs;
mod rollback;
mod state;

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::state_versions::{self, Related, StateVersionView, Wanted};
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::state_versions::{StateVersion, StateVersionStatus};

pub(crate) use rollback::rollback;
pub(crate) use state::{download, show};

use crate::error::PageResult;
use crate::forms::Parameters;
use crate::layout::{Pager, ROWS, workspace_page};
use crate::paths::Path;
use crate::session::SignedIn;
use crate::times::Now;
use crate::workspaces::key;

fn address(workspace: &WorkspaceView, version: &StateVersion) -> String {
    format!("/app/{}/workspaces/{}/states/{}", workspace.organization, workspace.workspace.name, version.id)
}

/// Bytes as people count them.
fn size(bytes: i64) -> String {
    let (kib, mib) = (1 << 10, 1 << 20);
    match bytes {
        _ if bytes < kib => format!("{bytes} bytes"),
        _ if bytes < mib => format!("{}.{} KiB", bytes / kib, bytes % kib * 10 / kib),
        _ => format!("{}.{} MiB", bytes / mib, bytes % mib * 10 / mib),
    }
}

/// How many things the state manages; what is only read does not count.
fn managed(version: &StateVersion) -> u64 {
    let resources = version.resources.as_array().into_iter().flatten();
    let managed = resources.filter(|resource| !resource["type"].as_str().unwrap_or_default().starts_with("data."));
    managed.map(|resource| resource["count"].as_u64().unwrap_or(0)).sum()
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Who or what made the state: the run, the person, the state that it is a copy of.
fn origin(workspace: &WorkspaceView, version: &StateVersion, related: &Related) -> Markup {
    let here = format!("/app/{}/workspaces/{}", workspace.organization, workspace.workspace.name);
    let person = related.users.iter().find(|user| Some(&user.id) == version.created_by.as_ref());
    html! {
        @if let Some(source) = &version.rollback_of {
            "rolled back to " a href={ (here) "/states/" (source) } { (source) }
        } @else if let Some(run) = &version.run_id {
            "by " a href={ (here) "/runs/" (run) } { (run) }
        } @else if person.is_none() {
            "by a token"
        }
        @if let Some(person) = person {
            @if version.rollback_of.is_some() || version.run_id.is_some() { ", " }
            "by " (person.username)
        }
    }
}

async fn read(app: &App, caller: &Caller, organization: &str, workspace: &str) -> PageResult<WorkspaceView> {
    Ok(workspaces::read(app, caller, key(organization, workspace)).await?)
}

fn row(workspace: &WorkspaceView, view: &StateVersionView, related: &Related, now: Now) -> Markup {
    let version = &view.version;
    html! {
        li {
            a href=(address(workspace, version)) { "Serial " (version.serial) }
            @if workspace.workspace.current_state_version_id.as_ref() == Some(&version.id) { span class="badge good" { "current" } }
            span class="grow quiet" { (now.time(version.created_at)) " " (origin(workspace, version, related)) }
            span class="quiet" { (counted(managed(version), "resource")) ", " (size(version.size)) }
        }
    }
}

/// The page: all states for who may read them, else the outputs of the newest.
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Parameters,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let workspace = read(&app, &caller, &organization, &workspace).await?;
    let key = key(&organization, &workspace.workspace.name);
    if !workspace.may(Action::ReadState) {
        let found = state_versions::current_outputs(&app, &caller, key).await?;
        let body = html! {
            p class="quiet" { "You may see the outputs of the newest state, and not the states themselves." }
            (outputs::render(&found, outputs::Sensitive::Withheld))
        };
        return Ok(workspace_page(&workspace, "States", &body));
    }
    let pager = Pager::new(&query);
    let statuses = vec![StateVersionStatus::Finalized];
    let (views, total) = state_versions::list(&app, &caller, key, statuses, ROWS, pager.offset()).await?;
    let wanted = Wanted { created_by: true, ..Wanted::default() };
    let related = state_versions::related(&app, &caller, &views, wanted).await?;
    let body = html! {
        h2 { "States" }
        @if total == 0 {
            p class="quiet" { "No state yet: the first apply makes one, or " code { "terraform state push" } " brings one." }
        } @else if !views.is_empty() {
            ul class="list" { @for view in &views { (row(&workspace, view, &related, Now::of(&app))) } }
        }
        (pager.render(&format!("/app/{organization}/workspaces/{}/states", workspace.workspace.name), &[], total))
    };
    Ok(workspace_page(&workspace, "States", &body))
}

/// The state that an address means.
async fn find(app: &App, caller: &Caller, workspace: &WorkspaceView, version: &str) -> PageResult<StateVersionView> {
    let id = version.parse().map_err(|_| AppError::NotFound)?;
    let view = state_versions::read(app, caller, id).await?;
    if view.version.workspace_id == workspace.workspace.id { Ok(view) } else { Err(AppError::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (5 << 20, "5.0 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
