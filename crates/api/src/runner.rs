//! The runner protocol, `/api/runner/v1`. Its wire types and rules: `terrane_domain::runner_protocol`.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use terrane_app::jobs::{self, JobInput};
use terrane_app::{App, AppError, PlanDocument, errored_states};
use terrane_domain::access::Caller;
use terrane_domain::runner_protocol::{
    ClaimRequest, Fenced, Finish, Job, LOG_CHUNK_BYTES, Lease, LogPosition, LostJob, ReattachRequest, RecoverRequest,
};
use terrane_jsonapi::Query;

use crate::blobs::stream;
use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, Parameters, Streamed, Whole, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .post("/api/runner/v1/jobs/claim", Access::Runner, claim)
        .post("/api/runner/v1/jobs/{job}/reattach", Access::Runner, reattach)
        .post("/api/runner/v1/jobs/{job}/recover", Access::Runner, recover)
        .post("/api/runner/v1/jobs/{job}/admit", Access::Runner, admit)
        .post("/api/runner/v1/jobs/{job}/renew", Access::Runner, renew)
        .get("/api/runner/v1/jobs/{job}/configuration", Access::Runner, configuration)
        .get("/api/runner/v1/jobs/{job}/state", Access::Runner, state)
        .get("/api/runner/v1/jobs/{job}/plan", Access::Runner, plan)
        .put("/api/runner/v1/jobs/{job}/log", Access::Runner, log)
        .put("/api/runner/v1/jobs/{job}/state", Access::Runner, put_state)
        .put("/api/runner/v1/jobs/{job}/errored-state", Access::Runner, put_errored_state)
        .put("/api/runner/v1/jobs/{job}/plan", Access::Runner, put_plan)
        .put("/api/runner/v1/jobs/{job}/json-plan", Access::Runner, put_json_plan)
        .put("/api/runner/v1/jobs/{job}/redacted-plan", Access::Runner, put_redacted_plan)
        .post("/api/runner/v1/jobs/{job}/finish", Access::Runner, finish)
}

fn parse<T: DeserializeOwned>(body: &Json) -> ApiResult<T> {
    serde_json::from_slice(&body.0).map_err(|error| AppError::BadRequest(error.to_string()).into())
}

fn number<T: std::str::FromStr>(query: &Query, name: &str) -> ApiResult<T> {
    query
        .first(name)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| AppError::BadRequest(format!("the query parameter {name} must be a number")).into())
}

async fn claim(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let request: ClaimRequest = parse(&body)?;
    Ok(match jobs::claim(&app, &caller, request).await? {
        Some(job) => Answer(job).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn reattach(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    body: Json,
) -> ApiResult<Answer<Job>> {
    let request: ReattachRequest = parse(&body)?;
    Ok(Answer(jobs::reattach(&app, &caller, id(&job)?, request).await?))
}

async fn recover(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    body: Json,
) -> ApiResult<Answer<LostJob>> {
    let request: RecoverRequest = parse(&body)?;
    Ok(Answer(errored_states::recover(&app, &caller, id(&job)?, request.runner_id).await?))
}

async fn admit(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    body: Json,
) -> ApiResult<StatusCode> {
    let request: Fenced = parse(&body)?;
    jobs::admit(&app, &caller, id(&job)?, request.fence).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn renew(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    body: Json,
) -> ApiResult<Answer<Lease>> {
    let request: Fenced = parse(&body)?;
    Ok(Answer(jobs::renew(&app, &caller, id(&job)?, request.fence).await?))
}

/// The bytes of one of a job's inputs, or that there are none.
async fn input(app: &App, caller: &Caller, job: &str, query: &Query, input: JobInput) -> ApiResult<Response> {
    let reader = jobs::input(app, caller, id(job)?, number(query, "fence")?, input).await?;
    Ok(match reader {
        Some(reader) => stream(reader, "application/octet-stream"),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

async fn configuration(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    input(&app, &caller, &job, &query, JobInput::Configuration).await
}

async fn state(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    input(&app, &caller, &job, &query, JobInput::State).await
}

async fn plan(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    input(&app, &caller, &job, &query, JobInput::Plan).await
}

async fn log(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Whole<LOG_CHUNK_BYTES>,
) -> ApiResult<Answer<LogPosition>> {
    let (fence, offset) = (number(&query, "fence")?, number(&query, "offset")?);
    Ok(Answer(jobs::append_log(&app, &caller, id(&job)?, fence, offset, body.0).await?))
}

async fn put_state(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Streamed,
) -> ApiResult<StatusCode> {
    jobs::put_state(&app, &caller, id(&job)?, number(&query, "fence")?, body.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put_errored_state(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Streamed,
) -> ApiResult<StatusCode> {
    errored_states::put(&app, &caller, id(&job)?, number(&query, "fence")?, body.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put_document(
    app: &App,
    caller: &Caller,
    job: &str,
    query: &Query,
    document: PlanDocument,
    body: Streamed,
) -> ApiResult<StatusCode> {
    jobs::put_plan_document(app, caller, id(job)?, number(query, "fence")?, document, body.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn put_plan(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Streamed,
) -> ApiResult<StatusCode> {
    put_document(&app, &caller, &job, &query, PlanDocument::Plan, body).await
}

async fn put_json_plan(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Streamed,
) -> ApiResult<StatusCode> {
    put_document(&app, &caller, &job, &query, PlanDocument::Json, body).await
}

async fn put_redacted_plan(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    Parameters(query): Parameters,
    body: Streamed,
) -> ApiResult<StatusCode> {
    put_document(&app, &caller, &job, &query, PlanDocument::Redacted, body).await
}

async fn finish(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(job): Path<String>,
    body: Json,
) -> ApiResult<StatusCode> {
    let mut request: Finish = parse(&body)?;
    // It may quote what a program wrote, and no text is stored with a NUL: the end must not be refused for it.
    request.message = request.message.map(|message| message.replace('\0', "\u{fffd}"));
    jobs::finish(&app, &caller, id(&job)?, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
