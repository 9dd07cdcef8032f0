//! Configuration versions. Source: `api-docs/configuration-versions.mdx`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use terrane_app::configuration_versions::{self, NewConfigurationVersion};
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{App, runs};
use terrane_domain::access::{Action, Caller};
use terrane_domain::configuration_versions::ConfigurationVersion;
use terrane_jsonapi::{Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    Routes::default()
        .post("/api/v2/workspaces/{workspace}/configuration-versions", Access::Right(Action::QueueRun), create)
        .get("/api/v2/workspaces/{workspace}/configuration-versions", read, list)
        .get("/api/v2/configuration-versions/{version}", read, show)
        .get("/api/v2/configuration-versions/{version}/download", read, download)
        .post("/api/v2/configuration-versions/{version}/actions/archive", Access::Right(Action::QueueRun), archive)
        .get("/api/v2/runs/{run}/configuration-version", read, show_of_run)
        .get("/api/v2/runs/{run}/configuration-version/download", read, download_of_run)
}

/// What can stand beside configuration versions in a list: what a repository would bring.
struct BesideMany;

impl Includes for BesideMany {
    const KNOWN: &'static [&'static str] = &["ingress_attributes"];

    fn of(_: &Paths) -> Self {
        Self
    }
}

/// What can stand beside one.
struct BesideOne {
    run: bool,
}

impl Includes for BesideOne {
    const KNOWN: &'static [&'static str] = &["ingress_attributes", "run"];

    fn of(paths: &Paths) -> Self {
        Self { run: paths.has("run") }
    }
}

pub(crate) fn resource(app: &App, version: &ConfigurationVersion) -> Resource {
    Resource::new("configuration-versions", version.id.as_str())
        .attributes(&json!({
            "status": version.status,
            "status-timestamps": version.status_timestamps,
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

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Parameters(query): Parameters,
    _: Include<BesideMany>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (versions, total) = configuration_versions::list(&app, &caller, key, page.limit(), page.offset()).await?;
    let resources = versions.iter().map(|version| resource(&app, version)).collect();
    let base = address(&app, &format!("workspaces/{workspace}/configuration-versions"));
    let total = u64::try_from(total).unwrap_or(0);
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &base, &query)))
}

/// The document of one, with what is wanted beside it.
async fn answer(app: &App, caller: &Caller, version: &ConfigurationVersion, beside: &BesideOne) -> ApiResult<Response> {
    let mut answer = Document::one(resource(app, version));
    if beside.run
        && let Some(run_id) = configuration_versions::newest_run(app, version).await?
    {
        answer = answer.include(crate::runs::resource(app, &runs::read(app, caller, run_id).await?));
    }
    Ok(document(StatusCode::OK, &answer))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
    Include(beside): Include<BesideOne>,
) -> ApiResult<Response> {
    let version = configuration_versions::read(&app, &caller, id(&version)?).await?;
    answer(&app, &caller, &version, &beside).await
}

async fn show_of_run(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    Include(beside): Include<BesideOne>,
) -> ApiResult<Response> {
    let version = configuration_versions::of_run(&app, &caller, id(&run)?).await?;
    answer(&app, &caller, &version, &beside).await
}

async fn archive(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
) -> ApiResult<StatusCode> {
    configuration_versions::archive(&app, &caller, id(&version)?).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn download(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    let location = configuration_versions::download_address(&app, &caller, id(&version)?).await?;
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}

async fn download_of_run(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
) -> ApiResult<Response> {
    let location = configuration_versions::download_address_of_run(&app, &caller, id(&run)?).await?;
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}
