//! State versions. Source: `api-docs/state-versions.mdx`; both ways of writing: `go-tfe/state_version.go`.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use terrane_app::App;
use terrane_app::state_versions::{self, MAX_INLINE_BYTES, NewStateVersion, Related, StateVersionView, Wanted};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::{Action, Caller};
use terrane_domain::state_versions::StateVersionStatus;
use terrane_jsonapi::{Document, Error, Input, Page, Query, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, Whole, address, document, id};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::state_version_outputs::Sensitive;
use crate::{account, configuration_versions, runs, state_version_outputs};

/// Base64 of the largest inline state, twice (raw and JSON form), and the document around it.
const MAX_BODY_BYTES: usize = MAX_INLINE_BYTES / 3 * 4 * 2 + (1 << 20);

/// Seconds between two intermediate states of a long local apply; without the header there are none.
const SNAPSHOT_INTERVAL: HeaderValue = HeaderValue::from_static("20");

pub(crate) fn routes() -> Routes {
    let (read, write) = (Access::Right(Action::ReadState), Access::Right(Action::WriteState));
    Routes::default()
        .get("/api/v2/state-versions", read, list)
        .get("/api/v2/state-versions/{version}", read, show)
        .get("/api/v2/workspaces/{workspace}/current-state-version", read, current)
        .post("/api/v2/workspaces/{workspace}/state-versions", write, create)
        .patch("/api/v2/workspaces/{workspace}/state-versions", write, rollback)
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
            "modules": summary(&version.resources, "module"),
            "providers": summary(&version.resources, "provider"),
            "resources-processed": version.resources_processed,
            "vcs-commit-sha": null,
            "vcs-commit-url": null,
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
        .relation(
            "rollback-state-version",
            Relationship::to_optional(
                "state-versions",
                version.rollback_of.as_ref().map(terrane_domain::ids::StateVersionId::as_str),
            ),
        )
        .link("self", address(app, &format!("state-versions/{}", version.id)))
}

/// How many instances of each type there are in each module, or of each provider. Types are written with hyphens there.
fn summary(resources: &Value, by: &str) -> Value {
    let mut groups = Map::new();
    for resource in resources.as_array().into_iter().flatten() {
        let text = |name: &str| resource[name].as_str().unwrap_or_default();
        let group = groups.entry(text(by)).or_insert_with(|| json!({}));
        let kind = text("type").replace('_', "-");
        let count = group[kind.as_str()].as_u64().unwrap_or(0) + resource["count"].as_u64().unwrap_or(0);
        group[kind] = count.into();
    }
    Value::Object(groups)
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] =
        &["created_by", "outputs", "run", "run.configuration_version", "run.created_by"];

    fn of(paths: &Paths) -> Self {
        Self {
            outputs: paths.has("outputs"),
            created_by: paths.has("created_by"),
            run: paths.reach("run"),
            run_created_by: paths.has("run.created_by"),
            run_configuration_version: paths.has("run.configuration_version"),
        }
    }
}

fn with_related(app: &App, document: Document, related: &Related) -> Document {
    let outputs = related.outputs.iter();
    document
        .include_all(outputs.map(|output| state_version_outputs::resource(app, output, Sensitive::Shown)))
        .include_all(related.runs.iter().map(|view| runs::resource(app, view)))
        .include_all(
            related.configuration_versions.iter().map(|version| configuration_versions::resource(app, version)),
        )
        .include_all(related.users.iter().map(account::resource))
}

/// The document of one, with what is wanted beside it.
async fn one(app: &App, caller: &Caller, view: &StateVersionView, wanted: Wanted) -> ApiResult<Document> {
    let related = state_versions::related(app, caller, std::slice::from_ref(view), wanted).await?;
    Ok(with_related(app, Document::one(resource(app, view)), &related))
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
    let run_id = match input.relation("run")? {
        Some(run) => {
            Some(run.id.parse().map_err(|_| Error::invalid_relationship("run", "The workspace has no such run"))?)
        }
        None => None,
    };
    let new = NewStateVersion {
        serial: input.required("serial")?,
        lineage: input.attribute("lineage")?.unwrap_or_default(),
        md5: input.required("md5")?,
        force: input.attribute("force")?.unwrap_or(false),
        run_id,
        state: input.take("state")?,
        json_state: input.take("json-state")?,
        json_state_outputs: input.take("json-state-outputs")?,
    };
    let key = WorkspaceKey::Id(id(&workspace)?);
    let view = state_versions::create(&app, &caller, key, new).await?;
    Ok(with_interval(document(StatusCode::CREATED, &Document::one(resource(&app, &view)))))
}

async fn rollback(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let relation = "rollback-state-version";
    let version = input.required_relation(relation)?;
    let missing = "The workspace has no such finalized state version; list its state versions to choose one";
    let version = version.id.parse().map_err(|_| Error::invalid_relationship(relation, missing))?;
    let view = state_versions::rollback(&app, &caller, WorkspaceKey::Id(id(&workspace)?), version).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

/// A workspace without a state answers 404, with the header all the same.
async fn current(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    use axum::response::IntoResponse as _;
    let found = state_versions::current(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await;
    Ok(with_interval(match found {
        Ok(view) => document(StatusCode::OK, &one(&app, &caller, &view, wanted).await?),
        Err(error) => crate::error::ApiError::from(error).into_response(),
    }))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(version): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = state_versions::read(&app, &caller, id(&version)?).await?;
    Ok(document(StatusCode::OK, &one(&app, &caller, &view, wanted).await?))
}

/// The statuses that the query asks for; without a word of it, states that can be read.
fn statuses(query: &Query) -> ApiResult<Vec<StateVersionStatus>> {
    const NAME: &str = "filter[status]";
    if !query.has(NAME) {
        return Ok(vec![StateVersionStatus::Finalized]);
    }
    let mut statuses = Vec::new();
    for text in query.list(NAME) {
        let status = text.parse().map_err(|_| {
            Error::bad_parameter(NAME, format!("{text:?} is no status; choose of pending, finalized and discarded"))
        })?;
        if !statuses.contains(&status) {
            statuses.push(status);
        }
    }
    Ok(statuses)
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let (page, statuses) = (Page::parse(&query)?, statuses(&query)?);
    let required = |name: &str| {
        query.first(name).map(str::to_owned).ok_or_else(|| Error::bad_parameter(name, format!("{name} is required")))
    };
    let key = WorkspaceKey::Name {
        organization: required("filter[organization][name]")?,
        workspace: required("filter[workspace][name]")?,
    };
    let (views, total) = state_versions::list(&app, &caller, key, statuses, page.limit(), page.offset()).await?;
    let related = state_versions::related(&app, &caller, &views, wanted).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let total = u64::try_from(total).unwrap_or(0);
    let answer = Document::page(resources, page, total, &address(&app, "state-versions"), &query);
    Ok(document(StatusCode::OK, &with_related(&app, answer, &related)))
}
