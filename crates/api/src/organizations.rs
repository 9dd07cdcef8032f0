//! Organizations. Source: `api-docs/organizations.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use terrane_app::organizations::OrganizationView;
use terrane_app::{App, organizations, runs};
use terrane_domain::access::Action;
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
        .get("/api/v2/organizations/{organization}/runs/queue", read, queue)
        .get("/api/v2/organizations/{organization}/capacity", read, capacity)
}

/// The names of the permissions and what each asks for.
const PERMISSIONS: &[(&str, Action)] = &[
    ("can-update", Action::UpdateOrganization),
    ("can-destroy", Action::DeleteOrganization),
    ("can-access-via-teams", Action::ReadOrganization),
    ("can-create-team", Action::CreateTeam),
    ("can-create-project", Action::CreateProject),
    ("can-manage-users", Action::ManageMembership),
    ("can-update-api-token", Action::ManageOrganizationToken),
    ("can-update-agent-pools", Action::ManageAgentPools),
    ("can-manage-tags", Action::ManageTags),
    ("can-traverse", Action::ReadOrganization),
];

fn resource(app: &App, view: &OrganizationView) -> Resource {
    let organization = &view.organization;
    let permissions: Map<String, Value> =
        PERMISSIONS.iter().map(|(name, action)| ((*name).to_owned(), view.may(*action).into())).collect();
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
        .relation("default-project", Relationship::to_one("projects", organization.default_project_id.as_str()))
        .link("self", address(app, &format!("organizations/{}", organization.name)))
}

async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> ApiResult<Response> {
    let found = organizations::list(&app, &caller).await?;
    let resources = found.iter().map(|view| resource(&app, view)).collect();
    Ok(document(StatusCode::OK, &Document::many(resources)))
}

async fn create(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let (name, email) = (input.required("name")?, input.required("email")?);
    let view = organizations::create(&app, &caller, name, email).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let view = organizations::read(&app, &caller, &name).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

/// What is true here is there: the CLI runs everything locally unless `operations` is true.
async fn entitlement_set(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let organization = organizations::read(&app, &caller, &name).await?.organization;
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
