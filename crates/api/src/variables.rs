//! Variables of workspaces. Source: `api-docs/workspace-variables.mdx`, and `api-docs/variables.mdx` for `/vars`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::variables::VariableKey;
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{App, variables};
use terrane_domain::access::Action;
use terrane_domain::variables::{Variable, VariableChange};
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, MAX_JSON_BYTES, Parameters, Whole, document, id};
use crate::routes::{Access, Routes};

/// The longest value, with every byte of it escaped, and room for the rest.
type Body = Whole<{ 2 * MAX_JSON_BYTES }>;

pub(crate) fn routes() -> Routes {
    let (read, write) = (Access::Right(Action::ReadVariables), Access::Right(Action::WriteVariables));
    Routes::default()
        .get("/api/v2/workspaces/{workspace}/vars", read, list)
        .post("/api/v2/workspaces/{workspace}/vars", write, create)
        .get("/api/v2/workspaces/{workspace}/vars/{variable}", read, show)
        .patch("/api/v2/workspaces/{workspace}/vars/{variable}", write, update)
        .delete("/api/v2/workspaces/{workspace}/vars/{variable}", write, delete)
        .get("/api/v2/workspaces/{workspace}/all-vars", read, list)
        .get("/api/v2/vars", read, list_by_names)
        .post("/api/v2/vars", write, create_by_relation)
        .patch("/api/v2/vars/{variable}", write, update_by_id)
        .delete("/api/v2/vars/{variable}", write, delete_by_id)
}

/// A sensitive value is null for everyone, owners included.
fn resource(variable: &Variable) -> Resource {
    let path = format!("/api/v2/workspaces/{}/vars/{}", variable.workspace_id, variable.id);
    let workspace = format!("/api/v2/workspaces/{}", variable.workspace_id);
    Resource::new("vars", variable.id.as_str())
        .attributes(&json!({
            "key": variable.key,
            "value": (!variable.sensitive).then_some(&variable.value),
            "description": variable.description,
            "category": variable.category,
            "hcl": variable.hcl,
            "sensitive": variable.sensitive,
            "version-id": variable.version_id,
            "created-at": variable.created_at,
        }))
        .relation(
            "configurable",
            Relationship::to_one("workspaces", variable.workspace_id.as_str()).link("related", workspace),
        )
        .link("self", path)
}

fn answer(status: StatusCode, variable: &Variable) -> Response {
    document(status, &Document::one(resource(variable)))
}

fn parse(body: &Body) -> ApiResult<Input> {
    Ok(Input::parse(&body.0, 2 * MAX_JSON_BYTES)?)
}

fn change(input: &mut Input) -> ApiResult<VariableChange> {
    Ok(VariableChange {
        key: input.attribute("key")?,
        value: input.take("value")?,
        description: input.attribute("description")?,
        category: input.attribute("category")?,
        hcl: input.attribute("hcl")?,
        sensitive: input.attribute("sensitive")?,
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let variables = variables::list(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    Ok(document(StatusCode::OK, &Document::many(variables.iter().map(resource).collect())))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let key = WorkspaceKey::Id(id(&workspace)?);
    let variable = variables::create(&app, &caller, key, change(&mut parse(&body)?)?).await?;
    Ok(answer(StatusCode::CREATED, &variable))
}

fn key(workspace: &str, variable: &str) -> ApiResult<VariableKey> {
    Ok(VariableKey { id: id(variable)?, workspace_id: Some(id(workspace)?) })
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((workspace, variable)): Path<(String, String)>,
) -> ApiResult<Response> {
    Ok(answer(StatusCode::OK, &variables::read(&app, &caller, key(&workspace, &variable)?).await?))
}

async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((workspace, variable)): Path<(String, String)>,
    body: Body,
) -> ApiResult<Response> {
    let key = key(&workspace, &variable)?;
    let variable = variables::update(&app, &caller, key, change(&mut parse(&body)?)?).await?;
    Ok(answer(StatusCode::OK, &variable))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((workspace, variable)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    variables::delete(&app, &caller, key(&workspace, &variable)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_by_names(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let key = WorkspaceKey::Name {
        organization: query.required("filter[organization][name]")?.to_owned(),
        workspace: query.required("filter[workspace][name]")?.to_owned(),
    };
    let variables = variables::list(&app, &caller, key).await?;
    Ok(document(StatusCode::OK, &Document::many(variables.iter().map(resource).collect())))
}

async fn create_by_relation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    body: Body,
) -> ApiResult<Response> {
    let mut input = parse(&body)?;
    let key = WorkspaceKey::Id(id(&input.required_relation("workspace")?.id)?);
    let variable = variables::create(&app, &caller, key, change(&mut input)?).await?;
    Ok(answer(StatusCode::CREATED, &variable))
}

async fn update_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(variable): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let key = VariableKey { id: id(&variable)?, workspace_id: None };
    let variable = variables::update(&app, &caller, key, change(&mut parse(&body)?)?).await?;
    Ok(answer(StatusCode::OK, &variable))
}

async fn delete_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(variable): Path<String>,
) -> ApiResult<StatusCode> {
    variables::delete(&app, &caller, VariableKey { id: id(&variable)?, workspace_id: None }).await?;
    Ok(StatusCode::NO_CONTENT)
}
