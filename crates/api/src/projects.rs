//! Projects. Source: `api-docs/projects.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use terrane_app::App;
use terrane_app::projects::{self, ProjectFilter, ProjectSettings, ProjectView};
use terrane_domain::access::Action;
use terrane_domain::execution::ExecutionChange;
use terrane_domain::ids::AgentPoolId;
use terrane_domain::projects::ProjectSort;
use terrane_domain::tag_bindings::{EffectiveTagBinding, TagBinding};
use terrane_jsonapi::{Document, Error, Input, Page, Query, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, reference_ids};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::tag_bindings::{self, pairs, tagged};
use crate::workspaces::{overwrites, present};

pub(crate) fn routes() -> Routes {
    // Who sees a project and may not delete it, or move workspaces, is told so by 403: these two are declared by what
    // it takes to see it.
    let see = Access::Right(Action::ReadProject);
    Routes::default()
        .get("/api/v2/organizations/{organization}/projects", Access::Right(Action::ReadOrganization), list)
        .post("/api/v2/organizations/{organization}/projects", Access::Right(Action::CreateProject), create)
        .get("/api/v2/projects/{project}", see, show)
        .patch("/api/v2/projects/{project}", Access::Right(Action::UpdateProject), update)
        .delete("/api/v2/projects/{project}", see, delete)
        .post("/api/v2/projects/{project}/relationships/workspaces", see, move_workspaces)
}

/// What can stand beside projects.
#[derive(Clone, Copy)]
struct Wanted {
    effective_tag_bindings: bool,
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["effective_tag_bindings"];

    fn of(paths: &Paths) -> Self {
        Self { effective_tag_bindings: paths.has("effective_tag_bindings") }
    }
}

pub(crate) fn resource(app: &App, view: &ProjectView) -> Resource {
    let project = &view.project;
    let is_own = project.default_execution_mode.is_some();
    let pool = view.execution.agent_pool_id.as_ref().map(AgentPoolId::as_str);
    let related = |path: &str| Relationship::related(address(app, &format!("projects/{}/{path}", project.id)));
    Resource::new("projects", project.id.as_str())
        .attributes(&json!({
            "name": project.name,
            "description": project.description,
            "auto-destroy-activity-duration": project.auto_destroy_activity_duration,
            "default-execution-mode": view.execution.mode,
            "setting-overwrites": { "default-execution-mode": is_own, "default-agent-pool": is_own },
            "is-unified": false,
            "created-at": project.created_at,
            "workspace-count": view.workspace_count,
            "team-count": view.team_count,
            "stack-count": 0,
            "permissions": {
                "can-read": view.may(Action::ReadProject),
                "can-update": view.may(Action::UpdateProject),
                "can-destroy": view.may(Action::DeleteProject),
                "can-create-workspace": view.may(Action::CreateWorkspace),
                "can-move-workspace": view.may(Action::MoveWorkspace),
                "can-move-stack": false,
                "can-manage-stacks": false,
                "can-view-stacks": false,
                "can-update-stacks": false,
                "can-deploy-no-code-modules": false,
                "can-read-teams": view.may(Action::ReadProjectTeams),
                "can-manage-teams": view.may(Action::ManageProjectTeams),
                "can-manage-tags": view.may(Action::UpdateProject),
                "can-manage-in-hcp": false,
                "can-manage-ephemeral-workspace-for-projects": view.may(Action::UpdateProject),
            },
        }))
        .relation("organization", Relationship::to_one("organizations", view.organization.as_str()))
        .relation("default-agent-pool", Relationship::to_optional("agent-pools", pool))
        .relation("tag-bindings", related("tag-bindings"))
        .relation("effective-tag-bindings", related("effective-tag-bindings"))
        .link("self", address(app, &format!("projects/{}", project.id)))
}

/// The documents of projects, with the tags that count for each if they are wanted; a project inherits none.
async fn with_includes(app: &App, views: &[ProjectView], wanted: Wanted) -> ApiResult<(Vec<Resource>, Vec<Resource>)> {
    if !wanted.effective_tag_bindings {
        return Ok((views.iter().map(|view| resource(app, view)).collect(), Vec::new()));
    }
    let ids = views.iter().map(|view| view.project.id.clone()).collect();
    let bound = terrane_app::tag_bindings::of_projects(app, ids).await?;
    let (mut resources, mut included) = (Vec::new(), Vec::new());
    for view in views {
        let bindings = bound.get(&view.project.id).map(Vec::as_slice).unwrap_or_default();
        let ids = bindings.iter().map(|binding| binding.id.as_str());
        let bound = Relationship::to_many("effective-tag-bindings", ids);
        resources.push(resource(app, view).relation("effective-tag-bindings", bound));
        let own = |binding: &TagBinding| EffectiveTagBinding { binding: binding.clone(), inherited_from: None };
        included.extend(bindings.iter().map(|binding| tag_bindings::effective(app, "", &own(binding))));
    }
    Ok((resources, included))
}

/// The filter, and what the caller must be allowed to do.
fn filter(query: &Query) -> ApiResult<(ProjectFilter, Vec<Action>)> {
    let mut permissions = Vec::new();
    for (name, action) in [("create-workspace", Action::CreateWorkspace), ("update", Action::UpdateProject)] {
        if query.flag(&format!("filter[permissions][{name}]"))? == Some(true) {
            permissions.push(action);
        }
    }
    let sort = match query.first("sort").map(str::parse) {
        None => ProjectSort::default(),
        Some(Ok(sort)) => sort,
        Some(Err(_)) => return Err(Error::bad_parameter("sort", "sort must be name or -name.").into()),
    };
    let filter = ProjectFilter {
        names: query.list("filter[names]").into_iter().map(str::to_owned).collect(),
        name_part: query.first("q").map(str::to_owned),
        tagged: tagged(query),
        sort,
    };
    Ok((filter, permissions))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let asked = Page::parse(&query)?;
    let (filter, permissions) = filter(&query)?;
    let rows = (asked.limit(), asked.offset());
    let found = projects::list(&app, &caller, &organization, filter, permissions, rows).await?;
    let base = address(&app, &format!("organizations/{organization}/projects"));
    let (resources, included) = with_includes(&app, &found.views, wanted).await?;
    let answer = Document::page(resources, asked, u64::try_from(found.matching).unwrap_or(0), &base, &query)
        .meta("status-counts", &json!({ "total": found.total, "matching": found.matching }))
        .include_all(included);
    Ok(document(StatusCode::OK, &answer))
}

async fn answer(app: &App, status: StatusCode, view: &ProjectView, wanted: Wanted) -> ApiResult<Response> {
    let (mut resources, included) = with_includes(app, std::slice::from_ref(view), wanted).await?;
    let one = resources.pop().map_or_else(Document::null, Document::one);
    Ok(document(status, &one.include_all(included)))
}

fn settings(body: &[u8]) -> ApiResult<ProjectSettings> {
    let input = Input::parse(body, MAX_JSON_BYTES)?;
    let (overwrites_mode, overwrites_agent_pool) = overwrites(&input, "default-execution-mode", "default-agent-pool")?;
    // Clients name the pool by an attribute, the documents by a relation.
    let by_attribute = input.attribute_or_absent("default-agent-pool-id")?.map(present);
    let by_relation = input.relation_or_absent("default-agent-pool")?.map(|one| one.map(|pool| pool.id));
    Ok(ProjectSettings {
        name: input.attribute("name")?,
        description: input.attribute_or_absent("description")?,
        auto_destroy_activity_duration: input.attribute_or_absent("auto-destroy-activity-duration")?.map(present),
        execution: ExecutionChange {
            mode: input.attribute("default-execution-mode")?,
            agent_pool_id: by_attribute.or(by_relation),
            overwrites_mode,
            overwrites_agent_pool,
        },
        tag_bindings: input.relation_list("tag-bindings")?.map(|list| pairs(&list)),
    })
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Include(wanted): Include<Wanted>,
    body: Json,
) -> ApiResult<Response> {
    let view = projects::create(&app, &caller, &organization, settings(&body.0)?).await?;
    answer(&app, StatusCode::CREATED, &view, wanted).await
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = projects::read(&app, &caller, &id(&project)?).await?;
    answer(&app, StatusCode::OK, &view, wanted).await
}

async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
    Include(wanted): Include<Wanted>,
    body: Json,
) -> ApiResult<Response> {
    let view = projects::update(&app, &caller, &id(&project)?, settings(&body.0)?).await?;
    answer(&app, StatusCode::OK, &view, wanted).await
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
) -> ApiResult<Response> {
    projects::delete(&app, &caller, &id(&project)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn move_workspaces(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    projects::move_workspaces(&app, &caller, &id(&project)?, reference_ids(&body.0)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
