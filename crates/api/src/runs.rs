//! Runs. Source: `api-docs/run.mdx`; what the CLI sends and reads: `internal/cloud/backend_plan.go`.

mod includes;
mod query;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::runs::{self, NewRun, RunAction, RunView};
use terrane_app::workspaces::WorkspaceKey;
use terrane_domain::access::Action;
use terrane_domain::runs::{PlanOptions, RunSource};
use terrane_jsonapi::{Document, Error, Input, Page, Relationship, Resource};

use crate::configuration_versions::is_cloud_integration;
use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, Said, address, document, id};
use crate::include::Include;
use crate::routes::{Access, Routes};
use includes::Beside;

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    let act = |action: RunAction| Access::Right(action.right());
    Routes::default()
        .post("/api/v2/runs", Access::Right(Action::QueueRun), create)
        .get("/api/v2/runs/{run}", read, show)
        .get("/api/v2/workspaces/{workspace}/runs", read, list)
        .get("/api/v2/organizations/{organization}/runs", Access::Right(Action::ReadOrganization), list_of_organization)
        .post("/api/v2/runs/{run}/actions/apply", act(RunAction::Confirm), apply)
        .post("/api/v2/runs/{run}/actions/discard", act(RunAction::Discard), discard)
        .post("/api/v2/runs/{run}/actions/cancel", act(RunAction::Cancel), cancel)
        .post("/api/v2/runs/{run}/actions/force-cancel", act(RunAction::ForceCancel), force_cancel)
        .post("/api/v2/runs/{run}/actions/force-execute", act(RunAction::ForceExecute), force_execute)
}

pub(crate) fn resource(app: &App, view: &RunView) -> Resource {
    let run = &view.run;
    let can = view.can_apply;
    Resource::new("runs", run.id.as_str())
        .attributes(&json!({
            "status": run.status,
            "status-timestamps": run.status_timestamps,
            "created-at": run.created_at,
            "canceled-at": run.canceled_at,
            "force-cancel-available-at": view.force_cancel_available_at,
            "message": run.message,
            "source": run.source,
            "trigger-reason": "manual",
            "auto-apply": run.auto_apply,
            "plan-only": run.plan_only,
            "save-plan": run.save_plan,
            "allow-empty-apply": run.allow_empty_apply,
            "allow-config-generation": run.options.allow_config_generation,
            "debugging-mode": run.options.debugging_mode,
            "is-destroy": run.options.is_destroy,
            "refresh": run.options.refresh,
            "refresh-only": run.options.refresh_only,
            "target-addrs": run.options.target_addrs,
            "replace-addrs": run.options.replace_addrs,
            "invoke-action-addrs": run.options.invoke_action_addrs,
            "engine": run.engine,
            "terraform-version": run.terraform_version,
            "has-changes": run.has_changes,
            "position-in-queue": view.position_in_queue,
            "variables": view.variables,
            "reason-code": run.reason,
            "reason": run.reason.map(|code| run.reason_message.clone().unwrap_or_else(|| code.sentence().to_owned())),
            "actions": {
                "is-cancelable": run.status.is_cancelable(),
                "is-confirmable": view.is_confirmable,
                "is-discardable": run.status.is_discardable(),
                "is-force-cancelable": view.is_force_cancelable,
            },
            "permissions": {
                "can-apply": can,
                "can-cancel": can,
                "can-comment": view.can_comment,
                "can-discard": can,
                "can-force-execute": can,
                "can-force-cancel": view.can_force_cancel,
                "can-override-policy-check": false,
            },
        }))
        .relation("workspace", Relationship::to_one("workspaces", run.workspace_id.as_str()))
        .relation("plan", Relationship::to_one("plans", run.plan_id.as_str()))
        .relation("apply", Relationship::to_one("applies", run.apply_id.as_str()))
        .relation(
            "configuration-version",
            Relationship::to_one("configuration-versions", run.configuration_version_id.as_str()),
        )
        .relation(
            "created-by",
            Relationship::to_optional("users", run.created_by.as_ref().map(terrane_domain::ids::UserId::as_str)),
        )
        .relation(
            "confirmed-by",
            Relationship::to_optional("users", run.confirmed_by.as_ref().map(terrane_domain::ids::UserId::as_str)),
        )
        .relation(
            "comments",
            Relationship::to_many("comments", view.comment_ids.iter().map(terrane_domain::ids::CommentId::as_str)),
        )
        .relation(
            "input-state-version",
            Relationship::to_optional(
                "state-versions",
                run.input_state_version_id.as_ref().map(terrane_domain::ids::StateVersionId::as_str),
            ),
        )
        .relation("cost-estimate", Relationship::to_none())
        .relation("policy-checks", Relationship::to_many("policy-checks", Vec::<String>::new()))
        .relation("task-stages", Relationship::to_many("task-stages", Vec::<String>::new()))
        .relation(
            "run-events",
            Relationship::to_many("run-events", view.event_ids.iter().map(terrane_domain::ids::RunEventId::as_str)),
        )
        .link("self", address(app, &format!("runs/{}", run.id)))
}

fn new_run(input: &Input, headers: &HeaderMap) -> ApiResult<NewRun> {
    let workspace = input.required_relation("workspace")?;
    let workspace_id =
        workspace.id.parse().map_err(|_| Error::invalid_relationship("workspace", "The workspace does not exist"))?;
    let configuration_version_id = match input.relation("configuration-version")? {
        Some(identifier) => Some(identifier.id.parse().map_err(|_| {
            Error::invalid_relationship("configuration-version", "The configuration version does not exist")
        })?),
        None => None,
    };
    let is_cloud = is_cloud_integration(headers);
    // Text for everyone but the cloud integration from 1.4 on: the others print the lines of JSON as they are.
    let is_old = headers.get("terraform-version").and_then(|version| version.to_str().ok()).is_some_and(|version| {
        let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (1, 4)
    });
    Ok(NewRun {
        workspace_id,
        configuration_version_id,
        message: input.attribute("message")?,
        auto_apply: input.attribute("auto-apply")?,
        plan_only: input.attribute("plan-only")?,
        terraform_version: input.attribute("terraform-version")?,
        save_plan: input.attribute("save-plan")?.unwrap_or(false),
        allow_empty_apply: input.attribute("allow-empty-apply")?.unwrap_or(false),
        options: PlanOptions {
            is_destroy: input.attribute("is-destroy")?.unwrap_or(false),
            refresh: input.attribute("refresh")?.unwrap_or(true),
            refresh_only: input.attribute("refresh-only")?.unwrap_or(false),
            target_addrs: input.attribute("target-addrs")?.unwrap_or_default(),
            replace_addrs: input.attribute("replace-addrs")?.unwrap_or_default(),
            invoke_action_addrs: input.attribute("invoke-action-addrs")?.unwrap_or_default(),
            allow_config_generation: input.attribute("allow-config-generation")?.unwrap_or(false),
            debugging_mode: input.attribute("debugging-mode")?.unwrap_or(false),
        },
        variables: input.attribute("variables")?.unwrap_or_default(),
        source: if is_cloud { RunSource::TerraformCloud } else { RunSource::Api },
        client_renders_json: is_cloud && !is_old,
    })
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    headers: HeaderMap,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let view = runs::create(&app, &caller, new_run(&input, &headers)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    Include(beside): Include<Beside>,
) -> ApiResult<Response> {
    let views = [runs::read(&app, &caller, id(&run)?).await?];
    let answer = Document::one(resource(&app, &views[0]));
    Ok(document(StatusCode::OK, &beside.add(&app, &caller, answer, &views).await?))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    Parameters(query): Parameters,
    Include(beside): Include<Beside>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let filter = query::filter(&query);
    let key = WorkspaceKey::Id(id(&workspace)?);
    let (views, total) = runs::list(&app, &caller, key, filter, (page.limit(), page.offset())).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("workspaces/{workspace}/runs"));
    let total = u64::try_from(total).unwrap_or(0);
    let answer = Document::page(resources, page, total, &base, &query);
    Ok(document(StatusCode::OK, &beside.add(&app, &caller, answer, &views).await?))
}

/// The page tells whether there is a next one, and not how many there are.
async fn list_of_organization(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    Include(beside): Include<Beside>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let filter = query::filter_of_organization(&query, app.store().now())?;
    let wanted = (page.limit(), page.offset());
    let (views, has_next) = runs::of_organization(&app, &caller, &organization, filter, wanted).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{organization}/runs"));
    let answer = Document::uncounted_page(resources, page, has_next, &base, &query);
    Ok(document(StatusCode::OK, &beside.add(&app, &caller, answer, &views).await?))
}

/// One route for each action: all take the same body, and answer before they have taken effect.
macro_rules! actions {
    ($($name:ident => $action:ident),+ $(,)?) => {$(
        async fn $name(
            State(app): State<App>,
            Authenticated(caller): Authenticated,
            Path(run): Path<String>,
            Said(said): Said,
        ) -> ApiResult<StatusCode> {
            runs::act(&app, &caller, id(&run)?, RunAction::$action, said.comment).await?;
            Ok(StatusCode::ACCEPTED)
        }
    )+};
}

actions! {
    apply => Confirm,
    discard => Discard,
    cancel => Cancel,
    force_cancel => ForceCancel,
    force_execute => ForceExecute,
}
