//! Variables of workspaces. Source: `api-docs/workspace-variables.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{App, variables};
use terrane_domain::access::Action;
use terrane_domain::variables::Variable;
use terrane_jsonapi::{Document, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadVariables);
    Routes::default().get("/api/v2/workspaces/{workspace}/vars", read, list).get(
        "/api/v2/workspaces/{workspace}/all-vars",
        read,
        list,
    )
}

/// A sensitive value is null for everyone, owners included.
fn resource(variable: &Variable) -> Resource {
    Resource::new("vars", variable.id.as_str())
        .attributes(&json!({
            "key": variable.key,
            "value": (!variable.sensitive).then_some(&variable.value),
            "description": variable.description,
            "category": variable.category,
            "hcl": variable.hcl,
            "sensitive": variable.sensitive,
            "created-at": variable.created_at,
        }))
        .relation("configurable", Relationship::to_one("workspaces", variable.workspace_id.as_str()))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    let variables = variables::list(&app, &caller, WorkspaceKey::Id(id(&workspace)?)).await?;
    Ok(document(StatusCode::OK, &Document::many(variables.iter().map(resource).collect())))
}
