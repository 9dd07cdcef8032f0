//! Agent pools. Source: `api-docs/agents.mdx`. Their agents and tokens do not exist yet.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::agent_pools::{self, AgentPoolChange, AgentPoolFilter, AgentPoolSort, AgentPoolView};
use terrane_domain::access::Action;
use terrane_domain::ids::{ProjectId, WorkspaceId};
use terrane_jsonapi::{Document, Error, Input, Page, Query, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (read, manage) = (Access::Right(Action::ReadAgentPools), Access::Right(Action::ManageAgentPools));
    Routes::default()
        .get("/api/v2/organizations/{organization}/agent-pools", read, list)
        .post("/api/v2/organizations/{organization}/agent-pools", manage, create)
        .get("/api/v2/agent-pools/{agent_pool}", read, show)
        .patch("/api/v2/agent-pools/{agent_pool}", manage, update)
        .delete("/api/v2/agent-pools/{agent_pool}", manage, delete)
}

fn resource(app: &App, view: &AgentPoolView) -> Resource {
    let (pool, scope) = (&view.pool, &view.scope);
    let workspaces = |ids: &[WorkspaceId]| Relationship::to_many("workspaces", ids.iter().map(WorkspaceId::as_str));
    let projects = Relationship::to_many("projects", scope.allowed_projects.iter().map(ProjectId::as_str));
    Resource::new("agent-pools", pool.id.as_str())
        .attributes(&json!({
            "name": pool.name,
            "organization-scoped": pool.organization_scoped,
            "agent-count": 0,
            "created-at": pool.created_at,
        }))
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
        .relation("workspaces", workspaces(&view.workspaces))
        .relation("allowed-workspaces", workspaces(&scope.allowed_workspaces))
        .relation("allowed-projects", projects)
        .relation("excluded-workspaces", workspaces(&scope.excluded_workspaces))
        .link("self", address(app, &format!("agent-pools/{}", pool.id)))
}

/// The ids of a relation that the request names.
fn ids<T: std::str::FromStr>(input: &Input, relation: &str) -> ApiResult<Option<Vec<T>>> {
    let Some(references) = input.relation_list(relation)? else { return Ok(None) };
    let parse = |id: Option<String>| id.and_then(|id| id.parse().ok());
    let parsed: Option<Vec<T>> = references.into_iter().map(|reference| parse(reference.id)).collect();
    let detail = format!("{relation} names something that does not exist");
    Ok(Some(parsed.ok_or_else(|| Error::invalid_relationship(relation, detail))?))
}

fn change(body: &Json) -> ApiResult<AgentPoolChange> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    Ok(AgentPoolChange {
        name: input.attribute("name")?,
        organization_scoped: input.attribute("organization-scoped")?,
        allowed_workspaces: ids(&input, "allowed-workspaces")?,
        allowed_projects: ids(&input, "allowed-projects")?,
        excluded_workspaces: ids(&input, "excluded-workspaces")?,
    })
}

fn filter(query: &Query) -> ApiResult<AgentPoolFilter> {
    // Clients write the filters with an underscore, the documents with a hyphen.
    let named = |thing: &str| {
        let both = [format!("filter[allowed_{thing}][name]"), format!("filter[allowed-{thing}][name]")];
        both.iter().find_map(|name| query.first(name)).map(str::to_owned)
    };
    let order = query.first("sort").unwrap_or("created-at");
    let ascending = order.strip_prefix('-');
    let sort = match ascending.unwrap_or(order) {
        "name" => AgentPoolSort::Name,
        "created-at" => AgentPoolSort::CreatedAt,
        _ => {
            return Err(Error::bad_parameter(
                "sort",
                "sort must be name or created-at, or one of them after a hyphen.",
            )
            .into());
        }
    };
    Ok(AgentPoolFilter {
        query: query.first("q").map(str::to_owned),
        allowed_workspace: named("workspaces"),
        allowed_project: named("projects"),
        sort,
        is_descending: ascending.is_some(),
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let views = agent_pools::list(&app, &caller, &organization, filter(&query)?).await?;
    let base = address(&app, &format!("organizations/{organization}/agent-pools"));
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    Ok(document(StatusCode::OK, &Document::cut(resources, page, &base, &query)))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let view = agent_pools::create(&app, &caller, &organization, change(&body)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(pool): Path<String>,
) -> ApiResult<Response> {
    let view = agent_pools::read(&app, &caller, id(&pool)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(pool): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let view = agent_pools::update(&app, &caller, id(&pool)?, change(&body)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(pool): Path<String>,
) -> ApiResult<StatusCode> {
    agent_pools::delete(&app, &caller, id(&pool)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
