//! Resources of workspaces. Source: `api-docs/workspace-resources.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::workspaces::WorkspaceKey;
use terrane_app::{App, workspace_resources};
use terrane_domain::access::Action;
use terrane_domain::workspace_resources::WorkspaceResource;
use terrane_jsonapi::{Document, Page, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().get("/api/v2/workspaces/{workspace}/resources", Access::Right(Action::ReadWorkspace), list)
}

fn resource(resource: &WorkspaceResource) -> Resource {
    Resource::new("resources", resource.id.as_str()).attributes(&json!({
        "address": resource.address,
        "name": resource.name,
        "module": resource.module,
        "provider": resource.provider,
        "provider-type": resource.provider_type,
        "name-index": resource.name_index,
        "modified-by-state-version-id": resource.modified_by_state_version_id,
        "created-at": resource.created_at,
        "updated-at": resource.updated_at,
    }))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let part = query.first("q").unwrap_or_default().to_owned();
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (found, total) = workspace_resources::list(&app, &caller, key, part, page.limit(), page.offset()).await?;
    let base = address(&app, &format!("workspaces/{workspace}/resources"));
    let resources = found.iter().map(resource).collect();
    let total = u64::try_from(total).unwrap_or(0);
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &base, &query)))
}
