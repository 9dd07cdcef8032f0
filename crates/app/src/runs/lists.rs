//! Lists of runs, of a workspace and of an organization.

use terrane_domain::access::{Action, Caller, Visibility, visible_workspaces};

use super::{RunFilter, RunView, views};
use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppResult};

/// One page of a workspace's runs, newest first, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    filter: RunFilter,
    page: (i64, i64),
) -> AppResult<(Vec<RunView>, i64)> {
    let (app_, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (workspace, place) =
                    lookups::workspace_with_place(tx, &caller, &key, Action::ReadWorkspace).await?;
                let filter = RunFilter { workspace_id: Some(workspace.id.clone()), ..filter };
                let id = &workspace.organization_id;
                let (rows, total) = terrane_store::runs::list(tx, id, &Visibility::All, &filter, true, page).await?;
                Ok((views(tx, &app_, &caller, &place, rows).await?, total.unwrap_or(0)))
            })
        })
        .await
}

/// One page of an organization's runs that the caller may see, newest first, and whether there is a next one. How many
/// there are is not counted: there may be very many.
pub async fn of_organization(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: RunFilter,
    (limit, offset): (i64, i64),
) -> AppResult<(Vec<RunView>, bool)> {
    let (app_, caller, organization) = (app.clone(), caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let id = &found.organization.id;
                let visibility = visible_workspaces(&caller, id, &found.standing);
                let page = (limit + 1, offset);
                let (mut rows, _) = terrane_store::runs::list(tx, id, &visibility, &filter, false, page).await?;
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let has_next = rows.len() > limit;
                rows.truncate(limit);
                if rows.is_empty() {
                    return Ok((Vec::new(), false));
                }
                Ok((views(tx, &app_, &caller, &found, rows).await?, has_next))
            })
        })
        .await
}
