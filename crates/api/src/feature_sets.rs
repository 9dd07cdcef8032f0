//! Feature sets, and which of them an organization has. Source: `api-docs/feature-sets.mdx`,
//! `api-docs/subscriptions.mdx`,
//! `go-tfe/subscription_updater_test.go`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::{App, feature_sets, organizations};
use terrane_domain::access::Action;
use terrane_domain::organizations::Organization;
use terrane_jsonapi::{Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};

/// What a subscription's id has where its organization's has `org-`.
const PREFIX: &str = "sub-";

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadOrganization);
    Routes::default()
        .get("/api/v2/admin/feature-sets", Access::Person, list)
        .post("/api/v2/admin/organizations/{organization}/subscription", Access::Person, subscribe)
        .get("/api/v2/organizations/{organization}/subscription", read, show)
        .get("/api/v2/subscriptions/{subscription}", read, show_by_id)
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
    Ok(document(StatusCode::OK, &Document::one(subscription(&organization))))
}

/// An organization's subscription, which has the organization's id under a prefix of its own.
pub(crate) fn subscription(organization: &Organization) -> Resource {
    let id = organization.id.as_str().replacen("org-", PREFIX, 1);
    Resource::new("subscriptions", id.as_str())
        .attributes(&json!({
            "is-active": true,
            "is-public-free-tier": true,
            "is-self-serve-trial": false,
            "start-at": organization.created_at,
            "end-at": null,
            "runs-ceiling": null,
            "agents-ceiling": null,
            "contract-start-at": null,
            "contract-user-limit": null,
            "contract-apply-limit": null,
        }))
        .relation("organization", Relationship::to_one("organizations", organization.name.as_str()))
        .relation("feature-set", Relationship::to_one("feature-sets", feature_sets::FEATURE_SET))
        .link("self", format!("/api/v2/subscriptions/{id}"))
}

/// What can stand beside a subscription.
struct Wanted {
    feature_set: bool,
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["feature_set"];

    fn of(paths: &Paths) -> Self {
        Self { feature_set: paths.has("feature_set") }
    }
}

fn answer(organization: &Organization, wanted: &Wanted) -> Response {
    let included = wanted.feature_set.then(resource);
    document(StatusCode::OK, &Document::one(subscription(organization)).include_all(included))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    Ok(answer(&organizations::read(&app, &caller, &name).await?.organization, &wanted))
}

async fn show_by_id(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(subscription): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let organization_id = id(&subscription.replacen(PREFIX, "org-", 1))?;
    Ok(answer(&organizations::read_by_id(&app, &caller, organization_id).await?.organization, &wanted))
}
