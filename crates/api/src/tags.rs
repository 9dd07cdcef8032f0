//! Tags that are a word. Sources: `api-docs/workspaces.mdx`, tags; `api-docs/organization-tags.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use terrane_app::App;
use terrane_app::tags::{self, TagFilter, TagReference, TagView};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::Action;
use terrane_jsonapi::{Document, Page, Query, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, Parameters, address, document, id, reference_ids, references};
use crate::routes::{Access, Routes};
use crate::workspaces::tag_references;

pub(crate) fn routes() -> Routes {
    let (read, update) = (Access::Right(Action::ReadWorkspace), Access::Right(Action::UpdateWorkspace));
    Routes::default()
        .get("/api/v2/workspaces/{workspace}/relationships/tags", read, list_of_workspace)
        .post("/api/v2/workspaces/{workspace}/relationships/tags", update, add)
        .delete("/api/v2/workspaces/{workspace}/relationships/tags", update, remove)
        .get("/api/v2/organizations/{organization}/tags", Access::Right(Action::ReadOrganization), list)
        .delete("/api/v2/organizations/{organization}/tags", Access::Right(Action::ManageTags), delete)
        .post("/api/v2/tags/{tag}/relationships/workspaces", update, add_workspaces)
}

fn resource(view: &TagView) -> Resource {
    Resource::new("tags", view.tag.id.as_str())
        .attributes(&json!({
            "name": view.tag.name,
            "instance-count": view.instance_count,
            "created-at": view.tag.created_at,
        }))
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
}

fn page(views: &[TagView], asked: Page, total: i64, base: &str, query: &Query) -> Response {
    let resources = views.iter().map(resource).collect();
    let total = u64::try_from(total).unwrap_or(0);
    document(StatusCode::OK, &Document::page(resources, asked, total, base, query))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let asked = Page::parse(&query)?;
    let filter = TagFilter {
        name_part: query.first("q").map(str::to_owned),
        // Whatever is no id of a workspace has no tags that could be left out.
        not_of: query.first("filter[exclude][taggable][id]").and_then(|id| id.parse().ok()),
        of: None,
    };
    let (views, total) = tags::list(&app, &caller, &organization, filter, asked.limit(), asked.offset()).await?;
    let base = address(&app, &format!("organizations/{organization}/tags"));
    Ok(page(&views, asked, total, &base, &query))
}

async fn list_of_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let asked = Page::parse(&query)?;
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (views, total) = tags::of_workspace(&app, &caller, key, asked.limit(), asked.offset()).await?;
    let base = address(&app, &format!("workspaces/{workspace}/relationships/tags"));
    Ok(page(&views, asked, total, &base, &query))
}

fn named(body: &[u8]) -> ApiResult<Vec<TagReference>> {
    Ok(tag_references(references(body)?))
}

async fn add(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    tags::add(&app, &caller, WorkspaceKey::Id(id(&workspace)?), named(&body.0)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    tags::remove(&app, &caller, WorkspaceKey::Id(id(&workspace)?), named(&body.0)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    tags::delete(&app, &caller, &organization, reference_ids(&body.0)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn add_workspaces(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(tag): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    tags::add_workspaces(&app, &caller, &id(&tag)?, reference_ids(&body.0)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
