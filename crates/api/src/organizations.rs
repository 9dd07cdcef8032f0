//! Organizations. Source: `api-docs/organizations.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use terrane_app::organizations::{OrganizationFilter, OrganizationView};
use terrane_app::{App, AppError, organizations, projects, runs};
use terrane_domain::access::Action;
use terrane_domain::ids::AgentPoolId;
use terrane_domain::organizations::OrganizationChange;
use terrane_jsonapi::{Document, Error, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::{entitlement_sets, feature_sets};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadOrganization);
    Routes::default()
        .get("/api/v2/organizations", Access::Authenticated, list)
        .post("/api/v2/organizations", Access::Person, create)
        .get("/api/v2/organizations/{organization}", read, show)
        .patch("/api/v2/organizations/{organization}", Access::Right(Action::UpdateOrganization), update)
        .delete("/api/v2/organizations/{organization}", Access::Right(Action::DeleteOrganization), delete)
        .get("/api/v2/organizations/{organization}/runs/queue", read, queue)
        .get("/api/v2/organizations/{organization}/capacity", read, capacity)
}

/// The names of the permissions and what each asks for; nothing where there is no such thing to be done yet.
const PERMISSIONS: &[(&str, Option<Action>)] = &[
    ("can-access-via-teams", Some(Action::ReadOrganization)),
    ("can-create-module", None),
    ("can-create-project", Some(Action::CreateProject)),
    ("can-create-provider", None),
    ("can-create-team", Some(Action::CreateTeam)),
    ("can-create-workspace-migration", None),
    ("can-deploy-no-code-modules", None),
    ("can-destroy", Some(Action::DeleteOrganization)),
    ("can-enable-stacks", None),
    ("can-manage-assessments", None),
    ("can-manage-auditing", None),
    ("can-manage-custom-providers", None),
    ("can-manage-no-code-modules", None),
    ("can-manage-public-modules", None),
    ("can-manage-public-providers", None),
    ("can-manage-run-tasks", None),
    ("can-manage-sso", None),
    ("can-manage-subscription", None),
    ("can-manage-tags", Some(Action::ManageTags)),
    ("can-manage-users", Some(Action::ManageMembership)),
    ("can-manage-varsets", None),
    ("can-read-assessments", None),
    ("can-read-run-tasks", None),
    ("can-read-varsets", None),
    ("can-start-trial", None),
    ("can-traverse", Some(Action::ReadOrganization)),
    ("can-update", Some(Action::UpdateOrganization)),
    ("can-update-agent-pools", Some(Action::ManageAgentPools)),
    ("can-update-api-token", Some(Action::ManageOrganizationToken)),
    ("can-update-hyok-configuration", None),
    ("can-update-oauth", None),
    ("can-update-sentinel", None),
    ("can-update-ssh-keys", None),
    ("can-view-explorer", None),
    ("can-view-hyok-feature-info", None),
    ("can-view-usage", None),
];

/// What is said of every organization of this server, which has one plan, and no single sign-on.
fn same_for_all() -> Value {
    json!({
        "enforce-hyok": false,
        "fair-run-queuing-enabled": false,
        "is-unified": false,
        "max-ttl-enabled": false,
        "plan-expired": false,
        "plan-expires-at": null,
        "plan-identifier": "terrane",
        "plan-is-enterprise": false,
        "plan-is-trial": false,
        "registry-monorepo-support-enabled": false,
        "remaining-testable-count": 1000,
        "saml-enabled": false,
        "stacks-enabled": false,
        "trial-expires-at": null,
        "two-factor-conformant": false,
    })
}

pub(crate) fn resource(app: &App, view: &OrganizationView) -> Resource {
    let organization = &view.organization;
    let may = |action: &Option<Action>| action.is_some_and(|action| view.may(action));
    let mut permissions: Map<String, Value> =
        PERMISSIONS.iter().map(|(name, action)| ((*name).to_owned(), may(action).into())).collect();
    permissions.insert("can-create-workspace".to_owned(), view.may_create_workspace.into());
    let path = format!("organizations/{}", organization.name);
    let pool_id = organization.default_agent_pool_id.as_ref().map(AgentPoolId::as_str);
    Resource::new("organizations", organization.name.as_str())
        .attributes(&same_for_all())
        .attributes(&json!({
            "name": organization.name,
            "email": organization.email,
            "external-id": organization.id,
            "created-at": organization.created_at,
            "session-timeout": organization.session_timeout,
            "session-remember": organization.session_remember,
            "collaborator-auth-policy": organization.collaborator_auth_policy,
            "cost-estimation-enabled": organization.cost_estimation_enabled,
            "send-passing-statuses-for-untriggered-speculative-plans":
                organization.send_passing_statuses_for_untriggered_speculative_plans,
            "aggregated-commit-status-enabled": organization.aggregated_commit_status_enabled,
            "speculative-plan-management-enabled": organization.speculative_plan_management_enabled,
            "assessments-enforced": organization.assessments_enforced,
            "allow-force-delete-workspaces": organization.allow_force_delete_workspaces,
            "default-execution-mode": organization.default_execution_mode,
            "owners-team-saml-role-id": organization.owners_team_saml_role_id,
            "user-tokens-enabled": organization.user_tokens_enabled,
            "permissions": permissions,
        }))
        .relation("default-agent-pool", Relationship::to_optional("agent-pools", pool_id))
        .relation("default-project", Relationship::to_one("projects", organization.default_project_id.as_str()))
        .relation(
            "entitlement-set",
            Relationship::to_one("entitlement-sets", organization.id.as_str())
                .link("related", format!("/api/v2/{path}/entitlement-set")),
        )
        .relation("subscription", Relationship::related(format!("/api/v2/{path}/subscription")))
        .link("self", address(app, &path))
}

fn settings(input: &Input) -> ApiResult<OrganizationChange> {
    // Clients name the pool by an attribute or by a relation.
    let pool = match input.relation_or_absent("default-agent-pool")? {
        Some(relation) => Some(relation.map(|pool| pool.id)),
        None => input.attribute_or_absent::<String>("default-agent-pool-id")?,
    };
    let parse = |id: String| {
        let detail = "The provided agent pool does not exist";
        id.parse::<AgentPoolId>().map_err(|_| Error::invalid_attribute("default-agent-pool-id", detail))
    };
    Ok(OrganizationChange {
        name: input.attribute("name")?,
        email: input.attribute("email")?,
        session_timeout: input.attribute_or_absent("session-timeout")?,
        session_remember: input.attribute_or_absent("session-remember")?,
        collaborator_auth_policy: input.attribute("collaborator-auth-policy")?,
        cost_estimation_enabled: input.attribute("cost-estimation-enabled")?,
        send_passing_statuses_for_untriggered_speculative_plans: input
            .attribute("send-passing-statuses-for-untriggered-speculative-plans")?,
        aggregated_commit_status_enabled: input.attribute("aggregated-commit-status-enabled")?,
        speculative_plan_management_enabled: input.attribute("speculative-plan-management-enabled")?,
        assessments_enforced: input.attribute("assessments-enforced")?,
        allow_force_delete_workspaces: input.attribute("allow-force-delete-workspaces")?,
        default_execution_mode: input.attribute("default-execution-mode")?,
        default_agent_pool_id: pool.map(|id| id.filter(|id| !id.is_empty()).map(parse).transpose()).transpose()?,
        owners_team_saml_role_id: input.attribute_or_absent("owners-team-saml-role-id")?,
        user_tokens_enabled: input.attribute("user-tokens-enabled")?,
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let text = |name| query.first(name).map(str::to_owned);
    let filter = OrganizationFilter { query: text("q"), name: text("q[name]"), email: text("q[email]") };
    let found = organizations::list(&app, &caller, filter).await?;
    let resources: Vec<Resource> = found.iter().map(|view| resource(&app, view)).collect();
    let document_ = if page.requested {
        Document::cut(resources, page, &address(&app, "organizations"), &query)
    } else {
        Document::many(resources)
    };
    Ok(document(StatusCode::OK, &document_))
}

async fn create(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let view = organizations::create(&app, &caller, settings(&input)?).await?;
    let entitlements = entitlement_sets::resource(&app, &view.organization);
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view)).include(entitlements)))
}

/// What can stand beside an organization.
struct Wanted {
    entitlement_set: bool,
    default_project: bool,
    subscription: bool,
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["entitlement_set", "default_project", "subscription"];

    fn of(paths: &Paths) -> Self {
        Self {
            entitlement_set: paths.has("entitlement_set"),
            default_project: paths.has("default_project"),
            subscription: paths.has("subscription"),
        }
    }
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = organizations::read(&app, &caller, &name).await?;
    let mut one = Document::one(resource(&app, &view));
    if wanted.entitlement_set {
        one = one.include(entitlement_sets::resource(&app, &view.organization));
    }
    if wanted.default_project {
        one = match projects::read(&app, &caller, &view.organization.default_project_id).await {
            Ok(project) => one.include(crate::projects::resource(&app, &project)),
            // Not every member sees the project.
            Err(AppError::NotFound) => one,
            Err(error) => return Err(error.into()),
        };
    }
    if wanted.subscription {
        one = one.include(feature_sets::subscription(&view.organization));
    }
    Ok(document(StatusCode::OK, &one))
}

async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let view = organizations::update(&app, &caller, &name, settings(&input)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    organizations::delete(&app, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn queue(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let (views, total) = runs::organization_queue(&app, &caller, &name, page.limit(), page.offset()).await?;
    let resources = views.iter().map(|view| crate::runs::resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{name}/runs/queue"));
    let total = u64::try_from(total).unwrap_or(0);
    Ok(document(StatusCode::OK, &Document::page(resources, page, total, &base, &query)))
}

async fn capacity(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let capacity = runs::capacity(&app, &caller, &name).await?;
    let resource = Resource::new("organization-capacity", name)
        .attributes(&json!({ "pending": capacity.pending, "running": capacity.running }));
    Ok(document(StatusCode::OK, &Document::one(resource)))
}
