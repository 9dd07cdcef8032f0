//! Who is in a team. Source: `api-docs/team-members.mdx`.

use axum::extract::{Path, State};
use axum::response::Response;
use terrane_app::team_members::{self, People};
use terrane_app::{App, AppError};
use terrane_domain::access::Action;
use terrane_jsonapi::Reference;

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, id, no_content};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let manage = Access::Right(Action::ManageTeamMembers);
    let (users, memberships) =
        ("/api/v2/teams/{team}/relationships/users", "/api/v2/teams/{team}/relationships/organization-memberships");
    Routes::default()
        .post(users, manage, add_users)
        .delete(users, manage, remove_users)
        .post(memberships, manage, add_memberships)
        .delete(memberships, manage, remove_memberships)
}

fn ids(body: &Json) -> ApiResult<Vec<String>> {
    let references = Reference::parse_list(&body.0, MAX_JSON_BYTES)?;
    Ok(references.into_iter().filter_map(|reference| reference.id).collect())
}

/// The id of a user is his name here.
fn users(body: &Json) -> ApiResult<People> {
    Ok(People::Usernames(ids(body)?))
}

fn memberships(body: &Json) -> ApiResult<People> {
    let parse = |text: &String| {
        text.parse().map_err(|_| AppError::Invalid {
            pointer: Some("/data".to_owned()),
            detail: format!("{text} is no membership of the organization; its list of memberships has their ids"),
        })
    };
    let ids: Result<_, AppError> = ids(body)?.iter().map(parse).collect();
    Ok(People::Memberships(ids?))
}

async fn add_users(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    team_members::add(&app, &caller, id(&team)?, users(&body)?).await?;
    Ok(no_content())
}

async fn remove_users(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    team_members::remove(&app, &caller, id(&team)?, users(&body)?).await?;
    Ok(no_content())
}

async fn add_memberships(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    team_members::add(&app, &caller, id(&team)?, memberships(&body)?).await?;
    Ok(no_content())
}

async fn remove_memberships(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    team_members::remove(&app, &caller, id(&team)?, memberships(&body)?).await?;
    Ok(no_content())
}
