//! Tokens of teams. Source: `api-docs/team-tokens.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use terrane_app::team_tokens::{self, TeamTokenFilter, TeamTokenOrder};
use terrane_app::tokens::NewToken;
use terrane_app::{App, AppError};
use terrane_domain::access::Action;
use terrane_jsonapi::{Document, Error};

use crate::error::{ApiError, ApiResult};
use crate::extract::{Authenticated, Json, Parameters, document, id, no_content};
use crate::routes::{Access, Routes};
use crate::tokens::{new_token, page, resource};

pub(crate) fn routes() -> Routes {
    let manage = Access::Right(Action::ManageTeamTokens);
    let unnamed = "/api/v2/teams/{team}/authentication-token";
    Routes::default()
        .get("/api/v2/organizations/{organization}/team-tokens", Access::Right(Action::ReadOrganization), list)
        .get(unnamed, manage, show)
        .post(unnamed, manage, create_unnamed)
        .delete(unnamed, manage, delete)
        .post("/api/v2/teams/{team}/authentication-tokens", manage, create_named)
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let sort = query.first("sort").unwrap_or("expired-at");
    let (word, is_descending) = sort.strip_prefix('-').map_or((sort, false), |word| (word, true));
    let order = word.parse::<TeamTokenOrder>().map_err(|_| {
        let known: Vec<_> = TeamTokenOrder::ALL.iter().map(|order| order.as_str()).collect();
        Error::bad_parameter(
            "sort",
            format!("sort must be one of {}, or one of them after a hyphen.", known.join(", ")),
        )
    })?;
    let filter = TeamTokenFilter { team_name_part: query.first("q").map(str::to_owned), order, is_descending };
    let views = team_tokens::list(&app, &caller, &organization, filter).await?;
    let list = page(&app, &views, &format!("organizations/{organization}/team-tokens"), &query)?;
    Ok(document(StatusCode::OK, &list))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    let view = team_tokens::read(&app, &caller, id(&team)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

/// The one without a description: whatever the document says of one.
async fn create_unnamed(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let new = NewToken { description: None, ..new_token(&body)? };
    let view = team_tokens::create(&app, &caller, id(&team)?, new).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn create_named(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let mut new = new_token(&body)?;
    new.description.get_or_insert_default();
    let view = team_tokens::create(&app, &caller, id(&team)?, new).await.map_err(|error| match error {
        // The title that `go-tfe` knows this error by.
        AppError::Invalid { detail, .. } if detail == team_tokens::DESCRIPTION_TAKEN => {
            Error::new(422, "invalid attributes", detail).into()
        }
        other => ApiError::from(other),
    })?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    team_tokens::delete(&app, &caller, id(&team)?).await?;
    Ok(no_content())
}
