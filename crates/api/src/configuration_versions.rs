//! Configuration versions. Source: `api-docs/configuration-versions.mdx`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use terrane_app::App;
use terrane_app::configuration_versions::{self, NewConfigurationVersion};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::Action;
use terrane_domain::configuration_versions::ConfigurationVersion;
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    Routes::default()
        .post("/api/v2/workspaces/{workspace}/configuration-versions", Access::Right(Action::QueueRun), create)
        .get("/api/v2/configuration-versions/{version}", read, show)
        .get("/api/v2/configuration-versions/{version}/download", read, download)
}

pub(crate) fn resource(app: &App, version: &ConfigurationVersion) -> Resource {
    Resource::new("configuration-versions", version.id.as_str())
        .attributes(&json!({
            "status": version.status,
            "source": version.source,
            "auto-queue-runs": version.auto_queue_runs,
            "speculative": version.speculative,
            "provisional": version.provisional,
            "error": version.error_message.as_ref().map(|_| "archive-refused"),
            "error-message": version.error_message,
            "changed-files": [],
        }))
        .relation("ingress-attributes", Relationship::to_none())
        .link("self", address(app, &format!("configuration-versions/{}", version.id)))
}

/// Whether the client is terraform with a `cloud` block.
pub(crate) fn is_cloud_integration(headers: &HeaderMap) -> bool {
    headers.get("x-terraform-integration").is_some_and(|value| value == "cloud")
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let source = if is_cloud_integration(&headers) { "terraform+cloud" } else { "tfe-api" };
    let new = NewConfigurationVersion {
        auto_queue_runs: input.attribute("auto-queue-runs")?.unwrap_or(true),
        speculative: input.attribute("speculative")?.unwrap_or(false),
        provisional: input.attribute("provisional")?.unwrap_or(false),
        source: source.to_owned(),
    };
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (version, upload_url) = configuration_versions::create(&app, &caller, key, new).await?;
    let resource = resource(&app, &version).attribute("upload-url", upload_url);
    Ok(document(StatusCode::CREATED, &Document::one(resource)))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    let version = configuration_versions::read(&app, &caller, id(&version)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &version))))
}

async fn download(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    let location = configuration_versions::download_address(&app, &caller, id(&version)?).await?;
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}
