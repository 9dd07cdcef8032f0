//! Workspaces. Source: `api-docs/workspaces.mdx`; what the CLI reads: `internal/cloud/backend.go`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::workspaces::{self, WorkspaceFilter, WorkspaceKey, WorkspaceSettings, WorkspaceView};
use terrane_domain::access::Action;
use terrane_domain::ids::VariableId;
use terrane_domain::workspaces::{ExecutionMode, LockHolder};
use terrane_jsonapi::{ActionBody, Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (read, update) = (Access::Right(Action::ReadWorkspace), Access::Right(Action::UpdateWorkspace));
    let lock = Access::Right(Action::LockWorkspace);
    Routes::default()
        .get("/api/v2/organizations/{organization}/workspaces", Access::Right(Action::ReadOrganization), list)
        .post("/api/v2/organizations/{organization}/workspaces", Access::Right(Action::CreateWorkspace), create)
        .get("/api/v2/organizations/{organization}/workspaces/{name}", read, show_by_name)
        .patch("/api/v2/organizations/{organization}/workspaces/{name}", update, update_by_name)
        .get("/api/v2/workspaces/{workspace}", read, show)
        .patch("/api/v2/workspaces/{workspace}", update, update_by_id)
        .post("/api/v2/workspaces/{workspace}/actions/lock", lock, lock_workspace)
        .post("/api/v2/workspaces/{workspace}/actions/unlock", lock, unlock_workspace)
        .post(
            "/api/v2/workspaces/{workspace}/actions/force-unlock",
            Access::Right(Action::ForceUnlockWorkspace),
            force_unlock_workspace,
        )
}

fn permissions(view: &WorkspaceView) -> serde_json::Value {
    json!({
        "can-update": view.may(Action::UpdateWorkspace),
        "can-destroy": false,
        "can-queue-run": view.may(Action::QueueRun),
        "can-queue-apply": view.may(Action::ApplyRun),
        "can-queue-destroy": view.may(Action::ApplyRun),
        "can-read-variable": view.may(Action::ReadVariables),
        "can-update-variable": false,
        "can-read-state-versions": view.may(Action::ReadState),
        "can-read-state-outputs": view.may(Action::ReadStateOutputs),
        "can-create-state-versions": view.may(Action::WriteState),
        "can-lock": view.may(Action::LockWorkspace),
        "can-unlock": view.may(Action::LockWorkspace),
        "can-force-unlock": view.may(Action::ForceUnlockWorkspace),
        "can-read-settings": view.may(Action::ReadWorkspace),
        "can-read-run": view.may(Action::ReadWorkspace),
    })
}

pub(crate) fn resource(app: &App, view: &WorkspaceView) -> Resource {
    let workspace = &view.workspace;
    let page = format!("/app/{}/workspaces/{}", view.organization, workspace.name);
    let resource = Resource::new("workspaces", workspace.id.as_str())
        .attributes(&json!({
            "name": workspace.name,
            "description": workspace.description,
            "execution-mode": workspace.execution_mode,
            "operations": workspace.execution_mode != ExecutionMode::Local,
            "auto-apply": workspace.auto_apply,
            "allow-destroy-plan": workspace.allow_destroy_plan,
            "terraform-version": workspace.terraform_version,
            "working-directory": workspace.working_directory,
            "structured-run-output-enabled": workspace.structured_run_output_enabled,
            "locked": workspace.lock_holder.is_some(),
            "locked-reason": workspace.lock_reason,
            "environment": "default",
            "tag-names": [],
            "vcs-repo": null,
            "created-at": workspace.created_at,
            "updated-at": workspace.updated_at,
            "permissions": permissions(view),
            "actions": { "is-destroyable": false },
        }))
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
        .relation("project", Relationship::to_one("projects", workspace.project_id.as_str()))
        .relation(
            "current-run",
            Relationship::to_optional(
                "runs",
                workspace.current_run_id.as_ref().map(terrane_domain::ids::RunId::as_str),
            ),
        )
        .relation(
            "latest-run",
            Relationship::to_optional(
                "runs",
                workspace.current_run_id.as_ref().map(terrane_domain::ids::RunId::as_str),
            ),
        )
        .relation(
            "current-state-version",
            Relationship::to_optional(
                "state-versions",
                workspace.current_state_version_id.as_ref().map(terrane_domain::ids::StateVersionId::as_str),
            ),
        )
        .relation(
            "current-configuration-version",
            Relationship::to_optional(
                "configuration-versions",
                workspace
                    .current_configuration_version_id
                    .as_ref()
                    .map(terrane_domain::ids::ConfigurationVersionId::as_str),
            ),
        )
        .relation("vars", Relationship::to_many("vars", view.variable_ids.iter().map(VariableId::as_str)))
        .link("self", format!("/api/v2/organizations/{}/workspaces/{}", view.organization, workspace.name))
        .link("self-html", format!("{}{page}", app.public_url()));
    match &workspace.lock_holder {
        Some(LockHolder::User(id)) => resource.relation("locked-by", Relationship::to_one("users", id.as_str())),
        Some(LockHolder::Team(id)) => resource.relation("locked-by", Relationship::to_one("teams", id.as_str())),
        Some(LockHolder::Organization(_)) => {
            resource.relation("locked-by", Relationship::to_one("organizations", view.organization.as_str()))
        }
        Some(LockHolder::Run(id) | LockHolder::Recovery(id)) => {
            resource.relation("locked-by", Relationship::to_one("runs", id.as_str()))
        }
        None => resource,
    }
}

fn answer(app: &App, status: StatusCode, view: &WorkspaceView) -> Response {
    document(status, &Document::one(resource(app, view)))
}

fn settings(body: &[u8]) -> ApiResult<WorkspaceSettings> {
    let input = Input::parse(body, MAX_JSON_BYTES)?;
    let operations: Option<bool> = input.attribute("operations")?;
    let mode: Option<String> = input.attribute("execution-mode")?;
    let project_id = match input.relation("project")? {
        Some(identifier) => Some(
            identifier
                .id
                .parse()
                .map_err(|_| terrane_jsonapi::Error::invalid_relationship("project", "The project does not exist"))?,
        ),
        None => None,
    };
    Ok(WorkspaceSettings {
        name: input.attribute("name")?,
        description: input.attribute_or_absent("description")?,
        execution_mode: mode.or(operations.map(|on| if on { "remote" } else { "local" }.to_owned())),
        auto_apply: input.attribute("auto-apply")?,
        allow_destroy_plan: input.attribute("allow-destroy-plan")?,
        terraform_version: input.attribute("terraform-version")?,
        working_directory: input.attribute_or_absent("working-directory")?,
        structured_run_output_enabled: input.attribute("structured-run-output-enabled")?,
        project_id,
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let project_id = match query.first("filter[project][id]") {
        Some(text) => match text.parse() {
            Ok(id) => Some(id),
            // No project has such an id, so no workspace is in it.
            Err(_) => return Ok(empty_page(&app, page, &organization, &query)),
        },
        None => None,
    };
    let filter = WorkspaceFilter { name_part: query.first("search[name]").map(str::to_owned), project_id };
    let (views, total) = workspaces::list(&app, &caller, &organization, filter, page.limit(), page.offset()).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{organization}/workspaces"));
    let total = u64::try_from(total).unwrap_or(0);
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &base, &query)))
}

fn empty_page(app: &App, page: Page, organization: &str, query: &terrane_jsonapi::Query) -> Response {
    let base = address(app, &format!("organizations/{organization}/workspaces"));
    document(StatusCode::OK, &Document::page(Vec::new(), page, 0, &base, query))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let view = workspaces::create(&app, &caller, &organization, settings(&body.0)?).await?;
    Ok(answer(&app, StatusCode::CREATED, &view))
}

async fn show_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((organization, workspace)): Path<(String, String)>,
) -> ApiResult<Response> {
    let view = workspaces::read(&app, &caller, WorkspaceKey::Name { organization, workspace }).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let view = workspaces::read(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn update_by_name(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((organization, workspace)): Path<(String, String)>,
    body: Json,
) -> ApiResult<Response> {
    let key = WorkspaceKey::Name { organization, workspace };
    let view = workspaces::update(&app, &caller, key, settings(&body.0)?).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn update_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let key = WorkspaceKey::Id(id(&workspace)?);
    let view = workspaces::update(&app, &caller, key, settings(&body.0)?).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn lock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let reason = ActionBody::parse(&body.0, MAX_JSON_BYTES)?.reason.unwrap_or_default();
    let view = workspaces::lock(&app, &caller, WorkspaceKey::Id(id(&workspace)?), reason).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn unlock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let view = workspaces::unlock(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}

async fn force_unlock_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let view = workspaces::force_unlock(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    Ok(answer(&app, StatusCode::OK, &view))
}
