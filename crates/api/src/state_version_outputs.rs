//! Outputs of states. Source: `api-docs/state-version-outputs.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{App, state_versions};
use terrane_domain::access::Action;
use terrane_domain::state_versions::StateVersionOutput;
use terrane_jsonapi::{Document, Page, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadStateOutputs);
    Routes::default()
        .get("/api/v2/state-versions/{version}/outputs", Access::Right(Action::ReadState), list)
        .get("/api/v2/state-version-outputs/{output}", read, show)
        .get("/api/v2/workspaces/{workspace}/current-state-version-outputs", read, current)
}

/// Whether sensitive values are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sensitive {
    Shown,
    Hidden,
}

pub(crate) fn resource(app: &App, output: &StateVersionOutput, sensitive: Sensitive) -> Resource {
    let is_shown = !output.sensitive || sensitive == Sensitive::Shown;
    Resource::new("state-version-outputs", output.id.as_str())
        .attributes(&json!({
            "name": output.name,
            "sensitive": output.sensitive,
            "type": output.simple_type(),
            "detailed-type": output.detailed_type,
            "value": is_shown.then_some(&output.value),
        }))
        .link("self", address(app, &format!("state-version-outputs/{}", output.id)))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let outputs = state_versions::outputs(&app, &caller, id(&version)?).await?;
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit()).unwrap_or(0);
    let resources =
        outputs.iter().skip(skip).take(take).map(|output| resource(&app, output, Sensitive::Shown)).collect();
    let base = address(&app, &format!("state-versions/{version}/outputs"));
    Ok(document(StatusCode::OK, &Document::page(resources, page, outputs.len() as u64, &base, &query)))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(output): Path<String>,
) -> ApiResult<Response> {
    let output = state_versions::output(&app, &caller, id(&output)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &output, Sensitive::Shown))))
}

async fn current(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let outputs = state_versions::current_outputs(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    let resources = outputs.iter().map(|output| resource(&app, output, Sensitive::Hidden)).collect();
    Ok(document(StatusCode::OK, &Document::many(resources)))
}
