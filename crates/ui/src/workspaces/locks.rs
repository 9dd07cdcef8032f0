//! The lock's buttons.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use terrane_app::{App, workspaces};

use super::key;
use crate::error::PageResult;
use crate::forms::Submitted;
use crate::paths::Path;
use crate::session::{SignedIn, local_path};

/// Back to the page of ours that the form names, else to the workspace.
fn back(organization: &str, workspace: &str, form: &Submitted) -> Response {
    let own = format!("/app/{organization}/workspaces/{workspace}");
    Redirect::to(form.get("next").and_then(local_path).unwrap_or(&own)).into_response()
}

/// Takes the lock.
pub(crate) async fn lock(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    workspaces::lock(&app, &caller, key(&organization, &workspace), form.trimmed("reason")).await?;
    Ok(back(&organization, &workspace, &form))
}

/// Gives one's own lock back.
pub(crate) async fn unlock(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    workspaces::unlock(&app, &caller, key(&organization, &workspace)).await?;
    Ok(back(&organization, &workspace, &form))
}

/// Takes another's lock away.
pub(crate) async fn force_unlock(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    workspaces::force_unlock(&app, &caller, key(&organization, &workspace)).await?;
    Ok(back(&organization, &workspace, &form))
}
