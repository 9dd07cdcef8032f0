//! The caller's own account. Source: `api-docs/account.mdx`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::{App, users};
use terrane_domain::users::User;
use terrane_jsonapi::{Document, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, document};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().get("/api/v2/account/details", Access::Authenticated, details)
}

pub(crate) fn resource(user: &User) -> Resource {
    Resource::new("users", user.id.as_str()).attributes(&json!({
        "username": user.username,
        "is-service-account": false,
        "is-site-admin": user.is_site_admin,
        "auth-method": "tfc",
        "is-sso-login": false,
        "permissions": {
            "can-create-organizations": true,
            "can-change-email": false,
            "can-change-username": false,
        },
    }))
}

async fn details(State(app): State<App>, Authenticated(caller): Authenticated) -> ApiResult<Response> {
    let user = users::account(&app, &caller).await?;
    let resource = resource(&user)
        .attribute("email", user.email.clone())
        .relation("authenticated-resource", Relationship::to_one("users", user.id.as_str()));
    Ok(document(StatusCode::OK, &Document::one(resource)))
}
