//! API tokens: those of people, and any by its id. Source: `api-docs/user-tokens.mdx`, `team-tokens.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::callers::Secret;
use terrane_app::tokens::{self, Expiry, NewToken, TokenView};
use terrane_domain::tokens::TokenCreator;
use terrane_jsonapi::{Document, Input, Page, Query, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, no_content};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (of_user, one) = ("/api/v2/users/{user}/authentication-tokens", "/api/v2/authentication-tokens/{token}");
    Routes::default()
        .get(of_user, Access::Authenticated, list)
        .post(of_user, Access::Person, create)
        .get(one, Access::Authenticated, show)
        .delete(one, Access::Authenticated, delete)
}

/// A token of any kind. The secret is there once, when it was made.
pub(crate) fn resource(app: &App, view: &TokenView) -> Resource {
    let token = &view.token;
    let creator = match (&token.created_by, &view.organization) {
        (Some(TokenCreator::User(id)), _) => Relationship::to_one("users", id.as_str()),
        (Some(TokenCreator::Team(id)), _) => Relationship::to_one("teams", id.as_str()),
        (Some(TokenCreator::Organization(_)), Some(name)) => Relationship::to_one("organizations", name.as_str()),
        _ => Relationship::to_none(),
    };
    let resource = Resource::new("authentication-tokens", token.id.as_str())
        .attributes(&json!({
            "created-at": token.created_at,
            "last-used-at": token.last_used_at,
            "description": token.description,
            "token": view.secret.as_ref().map(Secret::reveal),
            "expired-at": token.expires_at,
        }))
        .relation("created-by", creator)
        .link("self", address(app, &format!("authentication-tokens/{}", token.id)));
    match &token.team_id {
        Some(team_id) => resource.relation("team", Relationship::to_one("teams", team_id.as_str())),
        None => resource,
    }
}

/// What the document of a new token says; nothing need be said.
pub(crate) fn new_token(body: &Json) -> ApiResult<NewToken> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let expiry = match input.attribute_or_absent("expired-at")? {
        None => Expiry::Default,
        Some(None) => Expiry::Never,
        Some(Some(moment)) => Expiry::At(moment),
    };
    Ok(NewToken { description: input.attribute("description")?, expiry })
}

/// One page of tokens that are all read already.
pub(crate) fn page(app: &App, views: &[TokenView], path: &str, query: &Query) -> ApiResult<Document> {
    let page = Page::parse(query)?;
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let shown = views.iter().skip(skip).take(usize::try_from(page.limit()).unwrap_or(0));
    let resources = shown.map(|view| resource(app, view)).collect();
    Ok(Document::page(resources, page, views.len() as u64, &address(app, path), query))
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(user): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let views = tokens::list(&app, &caller, id(&user)?).await?;
    let list = page(&app, &views, &format!("users/{user}/authentication-tokens"), &query)?;
    Ok(document(StatusCode::OK, &list))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(user): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let view = tokens::create(&app, &caller, id(&user)?, new_token(&body)?).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    let view = tokens::read(&app, &caller, id(&token)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(token): Path<String>,
) -> ApiResult<Response> {
    tokens::delete(&app, &caller, id(&token)?).await?;
    Ok(no_content())
}
