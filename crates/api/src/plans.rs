//! Plans and applies. Source: `api-docs/plans.mdx`, `api-docs/applies.mdx`.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use terrane_app::App;
use terrane_app::plans::{self, PhaseView};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{ApplyId, PlanId};
use terrane_domain::runner_protocol::LogFormat;
use terrane_jsonapi::{Document, Resource};

use crate::blobs::stream;
use crate::error::ApiResult;
use crate::extract::{Authenticated, address, document, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let read = Access::Right(Action::ReadWorkspace);
    Routes::default()
        .get("/api/v2/plans/{plan}", read, show_plan)
        .get("/api/v2/applies/{apply}", read, show_apply)
        .get("/api/v2/runs/{run}/plan", read, show_plan_of_run)
        .get("/api/v2/plans/{plan}/json-output", Access::Right(Action::ReadPlanJson), json_output)
        .get("/api/v2/plans/{plan}/json-output-redacted", read, json_output_redacted)
        .get("/api/v2/plans/{plan}/json-schema", read, json_schema)
        .get("/api/v2/runs/{run}/plan/json-output", Access::Right(Action::ReadPlanJson), json_output_of_run)
        .get("/api/v2/runs/{run}/plan/json-output-redacted", read, json_output_redacted_of_run)
        .get("/api/v2/runs/{run}/plan/json-schema", read, json_schema_of_run)
}

fn phase(view: &PhaseView, kind: &'static str) -> Resource {
    let (phase, counts) = (&view.phase, view.phase.counts);
    Resource::new(kind, phase.id.as_str()).attributes(&json!({
        "status": phase.status,
        "status-timestamps": phase.status_timestamps,
        "resource-additions": counts.additions,
        "resource-changes": counts.changes,
        "resource-destructions": counts.destructions,
        "resource-imports": counts.imports,
        "log-read-url": view.log_read_url,
        "structured-run-output-enabled": view.run.log_format == LogFormat::Structured,
        "execution-details": { "mode": "remote" },
        // Terrane's own: how far the phase was kept from the machine, once a runner has taken it.
        "sandbox-level": phase.sandbox_level,
    }))
}

pub(crate) fn plan(app: &App, view: &PhaseView) -> Resource {
    let base = address(app, &format!("plans/{}", view.phase.id));
    phase(view, "plans")
        .attribute("has-changes", view.run.has_changes)
        .attribute("generated-configuration", view.phase.generated_configuration)
        .link("json-output", format!("{base}/json-output"))
        .link("self", base)
}

pub(crate) fn apply(app: &App, view: &PhaseView) -> Resource {
    phase(view, "applies").link("self", address(app, &format!("applies/{}", view.phase.id)))
}

async fn show_plan(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(plan_id): Path<String>,
) -> ApiResult<Response> {
    let view = plans::read(&app, &caller, id::<PlanId>(&plan_id)?.as_str()).await?;
    Ok(document(StatusCode::OK, &Document::one(plan(&app, &view))))
}

async fn show_plan_of_run(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
) -> ApiResult<Response> {
    let plan_id = plans::of_run(&app, &caller, id(&run)?).await?;
    let view = plans::read(&app, &caller, plan_id.as_str()).await?;
    Ok(document(StatusCode::OK, &Document::one(plan(&app, &view))))
}

async fn show_apply(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(apply_id): Path<String>,
) -> ApiResult<Response> {
    let view = plans::read(&app, &caller, id::<ApplyId>(&apply_id)?.as_str()).await?;
    Ok(document(StatusCode::OK, &Document::one(apply(&app, &view))))
}

/// Nothing, as long as there is no document yet.
const NOT_YET: StatusCode = StatusCode::NO_CONTENT;

async fn json_output_at(app: &App, caller: &Caller, plan_id: &PlanId) -> ApiResult<Response> {
    Ok(match plans::json_address(app, caller, plan_id.as_str()).await? {
        Some(location) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response(),
        None => NOT_YET.into_response(),
    })
}

async fn redacted_at(app: &App, caller: &Caller, plan_id: &PlanId) -> ApiResult<Response> {
    Ok(match plans::redacted(app, caller, plan_id.as_str()).await? {
        Some(reader) => stream(reader, "application/json"),
        None => NOT_YET.into_response(),
    })
}

async fn schema_at(app: &App, caller: &Caller, plan_id: &PlanId) -> ApiResult<Response> {
    Ok(match plans::schemas(app, caller, plan_id.as_str()).await? {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        None => NOT_YET.into_response(),
    })
}

/// Each document of a plan has two routes: by the plan's own id, and by its run's.
macro_rules! documents {
    ($($by_plan:ident, $by_run:ident => $answer:ident),+ $(,)?) => {$(
        async fn $by_plan(
            State(app): State<App>,
            Authenticated(caller): Authenticated,
            Path(plan_id): Path<String>,
        ) -> ApiResult<Response> {
            $answer(&app, &caller, &id(&plan_id)?).await
        }

        async fn $by_run(
            State(app): State<App>,
            Authenticated(caller): Authenticated,
            Path(run): Path<String>,
        ) -> ApiResult<Response> {
            let plan_id = plans::of_run(&app, &caller, id(&run)?).await?;
            $answer(&app, &caller, &plan_id).await
        }
    )+};
}

documents! {
    json_output, json_output_of_run => json_output_at,
    json_output_redacted, json_output_redacted_of_run => redacted_at,
    json_schema, json_schema_of_run => schema_at,
}
