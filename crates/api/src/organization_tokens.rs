//! The tokens of an organization itself. Source: `api-docs/organization-tokens.mdx`, `audit-trails-tokens.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use terrane_app::App;
use terrane_app::organization_tokens::{self, OrganizationTokenKind};
use terrane_domain::access::Action;
use terrane_jsonapi::{Document, Error, Query};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, Parameters, document, no_content};
use crate::routes::{Access, Routes};
use crate::tokens::{new_token, resource};

pub(crate) fn routes() -> Routes {
    let (path, manage) =
        ("/api/v2/organizations/{organization}/authentication-token", Access::Right(Action::ManageOrganizationToken));
    Routes::default().get(path, manage, show).post(path, manage, create).delete(path, manage, delete)
}

fn kind(query: &Query) -> ApiResult<OrganizationTokenKind> {
    match query.first("token") {
        None => Ok(OrganizationTokenKind::Organization),
        Some("audit-trails") => Ok(OrganizationTokenKind::AuditTrails),
        Some(other) => {
            Err(Error::bad_parameter("token", format!("token must be audit-trails or absent, not {other:?}")).into())
        }
    }
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    let view = organization_tokens::read(&app, &caller, &organization, kind(&query)?).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    body: Json,
) -> ApiResult<Response> {
    let (kind, new) = (kind(&query)?, new_token(&body)?);
    let view = organization_tokens::create(&app, &caller, &organization, kind, new).await?;
    Ok(document(StatusCode::CREATED, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
) -> ApiResult<Response> {
    organization_tokens::delete(&app, &caller, &organization, kind(&query)?).await?;
    Ok(no_content())
}
