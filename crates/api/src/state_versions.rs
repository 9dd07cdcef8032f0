//! State versions. Source: `api-docs/state-versions.mdx`; both ways of writing: `go-tfe/state_version.go`.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::state_versions::{self, MAX_INLINE_BYTES, NewStateVersion, StateVersionView};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::Action;
use terrane_domain::state_versions::StateVersionStatus;
use terrane_jsonapi::{Document, Error, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Parameters, Whole, address, document, id};
use crate::routes::{Access, Routes};

/// Base64 of the largest inline state, twice (raw and JSON form), and the document around it.
const MAX_BODY_BYTES: usize = MAX_INLINE_BYTES / 3 * 4 * 2 + (1 << 20);

/// Seconds between two intermediate states of a long local apply; without the header there are none.
const SNAPSHOT_INTERVAL: HeaderValue = HeaderValue::from_static("20");

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadState);
    Routes::default()
        .get("/api/v2/state-versions", read, list)
        .get("/api/v2/state-versions/{version}", read, show)
        .get("/api/v2/workspaces/{workspace}/current-state-version", read, current)
        .post("/api/v2/workspaces/{workspace}/state-versions", Access::Right(Action::WriteState), create)
}

pub(crate) fn resource(app: &App, view: &StateVersionView) -> Resource {
    let version = &view.version;
    Resource::new("state-versions", version.id.as_str())
        .attributes(&json!({
            "status": version.status,
            "serial": version.serial,
            "lineage": version.lineage,
            "md5": version.md5,
            "size": version.size,
            "state-version": 4,
            "terraform-version": version.terraform_version,
            "intermediate": false,
            "created-at": version.created_at,
            "hosted-state-download-url": view.download_url,
            "hosted-json-state-download-url": view.json_download_url,
            "hosted-state-upload-url": view.upload_url,
            "hosted-json-state-upload-url": view.json_upload_url,
            "resources": version.resources,
            "resources-processed": version.status == StateVersionStatus::Finalized,
        }))
        .relation("workspace", Relationship::to_one("workspaces", version.workspace_id.as_str()))
        .relation(
            "run",
            Relationship::to_optional("runs", version.run_id.as_ref().map(terrane_domain::ids::RunId::as_str)),
        )
        .relation(
            "created-by",
            Relationship::to_optional("users", version.created_by.as_ref().map(terrane_domain::ids::UserId::as_str)),
        )
        .relation(
            "outputs",
            Relationship::to_many(
                "state-version-outputs",
                view.output_ids.iter().map(terrane_domain::ids::StateVersionOutputId::as_str),
            ),
        )
        .link("self", address(app, &format!("state-versions/{}", version.id)))
}

fn with_interval(mut response: Response) -> Response {
    response.headers_mut().insert("x-terraform-snapshot-interval", SNAPSHOT_INTERVAL);
    response
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Whole<MAX_BODY_BYTES>,
) -> ApiResult<Response> {
    let mut input = Input::parse(&body.0, MAX_BODY_BYTES)?;
    let run_id = input.relation("run")?.and_then(|identifier| identifier.id.parse().ok());
    let new = NewStateVersion {
        serial: input.required("serial")?,
        lineage: input.attribute("lineage")?.unwrap_or_default(),
        md5: input.required("md5")?,
        force: input.attribute("force")?.unwrap_or(false),
        run_id,
        state: input.take("state")?,
    };
    let key = WorkspaceKey::Id(id(&workspace)?);
    let view = state_versions::create(&app, &caller, key, new).await?;
    Ok(with_interval(document(StatusCode::CREATED, &Document::one(resource(&app, &view)))))
}

/// A workspace without a state answers 404, with the header all the same.
async fn current(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    use axum::response::IntoResponse as _;
    let found = state_versions::current(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await;
    Ok(with_interval(match found {
        Ok(view) => document(StatusCode::OK, &Document::one(resource(&app, &view))),
        Err(error) => crate::error::ApiError::from(error).into_response(),
    }))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    let view = state_versions::read(&app, &caller, id(&version)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let required = |name: &str| {
        query.first(name).map(str::to_owned).ok_or_else(|| Error::bad_parameter(name, format!("{name} is required")))
    };
    let key = WorkspaceKey::Name {
        organization: required("filter[organization][name]")?,
        workspace: required("filter[workspace][name]")?,
    };
    let (views, total) = state_versions::list(&app, &caller, key, page.limit(), page.offset()).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let total = u64::try_from(total).unwrap_or(0);
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &address(&app, "state-versions"), &query)))
}
