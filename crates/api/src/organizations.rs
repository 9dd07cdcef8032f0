//! Organizations. Source: `api-docs/organizations.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use terrane_app::{App, organizations, runs};
use terrane_domain::access::{Action, Membership};
use terrane_domain::organizations::Organization;
use terrane_domain::runs::RunStatus;
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, address, document};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadOrganization);
    Routes::default()
        .get("/api/v2/organizations", Access::Authenticated, list)
        .post("/api/v2/organizations", Access::Authenticated, create)
        .get("/api/v2/organizations/{organization}", read, show)
        .get("/api/v2/organizations/{organization}/entitlement-set", read, entitlement_set)
        .get("/api/v2/organizations/{organization}/runs/queue", Access::Right(Action::ReadWorkspace), queue)
        .get("/api/v2/organizations/{organization}/capacity", Access::Right(Action::ReadWorkspace), capacity)
}

const PERMISSIONS: &[&str] = &[
    "can-update",
    "can-destroy",
    "can-access-via-teams",
    "can-create-team",
    "can-create-workspace",
    "can-create-project",
    "can-manage-users",
    "can-update-api-token",
    "can-manage-tags",
];

fn resource(app: &App, organization: &Organization, membership: Membership) -> Resource {
    let is_owner = membership == Membership::Owner;
    let mut permissions: Map<String, Value> =
        PERMISSIONS.iter().map(|name| ((*name).to_owned(), is_owner.into())).collect();
    permissions.insert("can-traverse".to_owned(), true.into());
    Resource::new("organizations", organization.name.as_str())
        .attributes(&json!({
            "name": organization.name,
            "email": organization.email,
            "external-id": organization.id,
            "created-at": organization.created_at,
            "default-execution-mode": "remote",
            "collaborator-auth-policy": "password",
            "cost-estimation-enabled": false,
            "permissions": permissions,
        }))
        .relation("entitlement-set", Relationship::to_one("entitlement-sets", organization.id.as_str()))
        .link("self", address(app, &format!("organizations/{}", organization.name)))
}

async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> ApiResult<Response> {
    let found = organizations::list(&app, &caller).await?;
    let resources = found.iter().map(|(organization, membership)| resource(&app, organization, *membership)).collect();
    Ok(document(StatusCode::OK, &Document::many(resources)))
}

async fn create(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let (name, email) = (input.required("name")?, input.required("email")?);
    let organization = organizations::create(&app, &caller, name, email).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &organization, Membership::Owner))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let (organization, membership) = organizations::read(&app, &caller, &name).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &organization, membership))))
}

/// What is true here is there: the CLI runs everything locally unless `operations` is true.
async fn entitlement_set(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let (organization, _) = organizations::read(&app, &caller, &name).await?;
    let resource = Resource::new("entitlement-sets", organization.id.as_str())
        .attributes(&json!({ "operations": true, "state-storage": true }))
        .link("self", address(&app, &format!("organizations/{name}/entitlement-set")));
    Ok(document(StatusCode::OK, &Document::one(resource)))
}

async fn queue(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let views = runs::organization_queue(&app, &caller, &name).await?;
    let total = views.len() as u64;
    let resources = views.iter().map(|view| crate::runs::resource(&app, view)).collect();
    let page = terrane_jsonapi::Page::parse(&terrane_jsonapi::Query::parse("page[size]=100"))?;
    let document_ = Document::many(resources).meta("pagination", &page.pagination(total));
    Ok(document(StatusCode::OK, &document_))
}

async fn capacity(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let statuses = runs::organization_load(&app, &caller, &name).await?;
    let waiting = |status| matches!(status, RunStatus::Pending | RunStatus::PlanQueued | RunStatus::ApplyQueued);
    let pending = statuses.iter().filter(|status| waiting(**status)).count();
    let resource = Resource::new("organization-capacity", name)
        .attributes(&json!({ "pending": pending, "running": statuses.len() - pending }));
    Ok(document(StatusCode::OK, &Document::one(resource)))
}
