//! What a failed apply left, and the decisions about it. Source: `api-docs/applies.mdx`, "Recover a failed state upload
//! after applying"; the decisions are Terrane's own.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use terrane_app::{App, errored_states};
use terrane_domain::access::Action;
use terrane_domain::ids::ApplyId;

use crate::error::ApiResult;
use crate::extract::{Authenticated, Said, id};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let resolve = Access::Right(Action::ResolveErroredState);
    Routes::default()
        .get("/api/v2/applies/{apply}/errored-state", Access::Right(Action::ReadState), show)
        .post("/api/v2/runs/{run}/actions/adopt-state", resolve, adopt)
        .post("/api/v2/runs/{run}/actions/discard-state", resolve, discard)
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(apply): Path<String>,
) -> ApiResult<Response> {
    let location = errored_states::address(&app, &caller, id::<ApplyId>(&apply)?.as_str()).await?;
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

async fn adopt(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    Said(said): Said,
) -> ApiResult<StatusCode> {
    errored_states::adopt(&app, &caller, id(&run)?, said.comment).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn discard(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(run): Path<String>,
    Said(said): Said,
) -> ApiResult<StatusCode> {
    errored_states::discard(&app, &caller, id(&run)?, said.comment).await?;
    Ok(StatusCode::NO_CONTENT)
}
