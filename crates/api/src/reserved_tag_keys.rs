//! Reserved tag keys. Source: `api-docs/reserved-tag-keys.mdx`, whose paths for one key differ from those of `go-tfe`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::reserved_tag_keys::{self, ReservedTagKeyChange};
use terrane_domain::access::Action;
use terrane_domain::reserved_tag_keys::ReservedTagKey;
use terrane_jsonapi::{Document, Input, Page, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (read, manage) = (Access::Right(Action::ReadOrganization), Access::Right(Action::ManageTags));
    Routes::default()
        .get("/api/v2/organizations/{organization}/reserved-tag-keys", read, list)
        .post("/api/v2/organizations/{organization}/reserved-tag-keys", manage, create)
        .patch("/api/v2/reserved-tag-keys/{reserved_tag_key}", manage, update)
        .delete("/api/v2/reserved-tag-keys/{reserved_tag_key}", manage, delete)
        .patch("/api/v2/reserved-tags/{reserved_tag_key}", manage, update)
        .delete("/api/v2/reserved-tags/{reserved_tag_key}", manage, delete)
}

/// The documents write the times with a hyphen, the client reads them with an underscore.
fn resource(key: &ReservedTagKey) -> Resource {
    Resource::new("reserved-tag-keys", key.id.as_str()).attributes(&json!({
        "key": key.key,
        "disable-overrides": key.disable_overrides,
        "created-at": key.created_at,
        "created_at": key.created_at,
        "updated-at": key.updated_at,
        "updated_at": key.updated_at,
    }))
}

fn change(body: &Json) -> ApiResult<ReservedTagKeyChange> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    Ok(ReservedTagKeyChange { key: input.attribute("key")?, disable_overrides: input.attribute("disable-overrides")? })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let (keys, total) = reserved_tag_keys::list(&app, &caller, &organization, page.limit(), page.offset()).await?;
    let base = address(&app, &format!("organizations/{organization}/reserved-tag-keys"));
    let total = u64::try_from(total).unwrap_or(0);
    let resources = keys.iter().map(resource).collect();
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &base, &query)))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let key = reserved_tag_keys::create(&app, &caller, &organization, change(&body)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&key))))
}

async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(key): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let key = reserved_tag_keys::update(&app, &caller, id(&key)?, change(&body)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&key))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(key): Path<String>,
) -> ApiResult<StatusCode> {
    reserved_tag_keys::delete(&app, &caller, id(&key)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
