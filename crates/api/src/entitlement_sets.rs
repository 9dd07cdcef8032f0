//! What an organization is entitled to. Source: `api-docs/organizations.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};
use terrane_app::{App, organizations};
use terrane_domain::access::Action;
use terrane_domain::organizations::Organization;
use terrane_jsonapi::{Document, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, address, document};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadOrganization);
    Routes::default().get("/api/v2/organizations/{organization}/entitlement-set", read, show)
}

/// Nothing is kept for those who pay: what the server has, everyone may use. The CLI runs everything locally unless
/// `operations` is true.
const ENTITLEMENTS: &[(&str, bool)] = &[
    ("agents", true),
    ("audit-logging", true),
    ("configuration-designer", false),
    ("cost-estimation", true),
    ("global-run-tasks", true),
    ("infragraph", true),
    ("infragraph-with-nrtu", false),
    ("module-tests-generation", false),
    ("operations", true),
    ("policy-enforcement", true),
    ("private-module-registry", true),
    ("private-policy-agents", true),
    ("private-run-tasks", true),
    ("private-vcs", true),
    ("run-tasks", true),
    ("self-serve-billing", false),
    ("sentinel", true),
    ("sso", true),
    ("state-storage", true),
    ("teams", true),
    ("usage-reporting", false),
    ("vcs-integrations", true),
    ("waypoint-actions", false),
    ("waypoint-templates-and-addons", true),
];

/// Null is no limit.
const LIMITS: &[&str] = &[
    "policy-limit",
    "policy-mandatory-enforcement-limit",
    "policy-set-limit",
    "run-task-limit",
    "run-task-mandatory-enforcement-limit",
    "run-task-workspace-limit",
    "user-limit",
    "versioned-policy-set-limit",
];

pub(crate) fn resource(app: &App, organization: &Organization) -> Resource {
    let entitlements = ENTITLEMENTS.iter().map(|(name, is_there)| ((*name).to_owned(), (*is_there).into()));
    let limits = LIMITS.iter().map(|name| ((*name).to_owned(), Value::Null));
    Resource::new("entitlement-sets", organization.id.as_str())
        .attributes(&entitlements.chain(limits).collect::<Map<String, Value>>())
        .link("self", address(app, &format!("organizations/{}/entitlement-set", organization.name)))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let organization = organizations::read(&app, &caller, &name).await?.organization;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &organization))))
}
