//! Feature sets, and which of them an organization has. Source: `api-docs/feature-sets.mdx`,
//! `go-tfe/subscription_updater_test.go`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::{App, feature_sets};
use terrane_jsonapi::{Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().get("/api/v2/admin/feature-sets", Access::Authenticated, list).post(
        "/api/v2/admin/organizations/{organization}/subscription",
        Access::Authenticated,
        subscribe,
    )
}

fn resource() -> Resource {
    Resource::new("feature-sets", feature_sets::FEATURE_SET).attributes(&json!({
        "name": "Terrane",
        "identifier": "terrane",
        "description": "Everything that this server has",
        "cost": 0,
        "is-current": true,
        "is-free-tier": true,
        "plan": null,
    }))
}

/// Whatever plan is looked for: this is the only one.
async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    feature_sets::list(&app, &caller).await?;
    let page = Page::parse(&query)?;
    let resources = if page.offset() == 0 { vec![resource()] } else { Vec::new() };
    let base = address(&app, "admin/feature-sets");
    Ok(document(StatusCode::OK, &Document::page(resources, page, 1, &base, &query)))
}

async fn subscribe(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let wanted = input.required_relation("feature-set")?;
    let organization = feature_sets::subscribe(&app, &caller, &organization, &wanted.id).await?;
    let resource = Resource::new("subscriptions", format!("sub-{organization}"))
        .attributes(&json!({ "is-active": true, "is-public-free-tier": true }))
        .relation("organization", Relationship::to_one("organizations", organization.as_str()))
        .relation("feature-set", Relationship::to_one("feature-sets", feature_sets::FEATURE_SET));
    Ok(document(StatusCode::OK, &Document::one(resource)))
}
