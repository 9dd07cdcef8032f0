//! The caller's own account. Source: `api-docs/account.mdx`.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use terrane_app::account::{self, AccountUpdate, OwnAccount};
use terrane_app::callers::Secret;
use terrane_app::users::{self, Account};
use terrane_app::{App, AppError};
use terrane_domain::users::User;
use terrane_jsonapi::{Document, Input, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, document};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/api/v2/account/details", Access::Authenticated, details)
        .patch("/api/v2/account/update", Access::Person, update)
        .patch("/api/v2/account/password", Access::Person, change_password)
}

pub(crate) fn resource(user: &User) -> Resource {
    Resource::new("users", user.id.as_str()).attributes(&json!({
        "username": user.username,
        "is-service-account": false,
        "is-site-admin": user.is_site_admin,
        "auth-method": "tfc",
        "is-sso-login": false,
        "avatar-url": avatar(user.id.as_str()),
        "two-factor": { "enabled": false, "verified": false },
        "v2-only": true,
        "permissions": {
            "can-create-organizations": true,
            "can-change-email": true,
            "can-change-username": true,
        },
    }))
}

/// A picture that is the same wherever the account is shown, made of its id: no other server hears who looks at whom.
fn avatar(id: &str) -> String {
    let sum = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
    let mut cells = String::new();
    // Five columns, of which the right two are the mirror of the left.
    for cell in (0..15_u64).filter(|cell| (sum >> cell) & 1 == 1) {
        let (column, row) = (cell / 5, cell % 5);
        for x in [column, 4 - column] {
            let _ = write!(cells, "M{x} {row}h1v1h-1z");
        }
    }
    let hue = (sum >> 16) % 360;
    let picture = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='-1 -1 7 7'><path fill='hsl({hue} 50% 45%)' d='{cells}'/></svg>"
    );
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(picture))
}

/// What stands for a team or an organization where a person would be: an account under an id of its own.
fn service_account(id: &str, username: &str) -> Resource {
    Resource::new("users", id).attributes(&json!({
        "username": username,
        "email": null,
        "is-service-account": true,
        "is-site-admin": false,
        "auth-method": "tfc",
        "is-sso-login": false,
        "avatar-url": avatar(id),
        "two-factor": { "enabled": false, "verified": false },
        "v2-only": true,
        "permissions": {
            "can-create-organizations": false,
            "can-change-email": false,
            "can-change-username": false,
        },
    }))
}

/// The last part of an id, after its prefix.
fn suffix(id: &str) -> &str {
    id.split_once('-').map_or(id, |(_, suffix)| suffix)
}

async fn details(State(app): State<App>, Authenticated(caller): Authenticated) -> ApiResult<Response> {
    let resource = match users::details(&app, &caller).await? {
        Account::Person(_) => own(&account::read(&app, &caller).await?),
        Account::Team(team) => {
            let suffix = suffix(team.id.as_str());
            service_account(&format!("user-{suffix}"), &format!("api-team_{suffix}"))
                .relation("authenticated-resource", Relationship::to_one("teams", team.id.as_str()))
        }
        Account::Organization(organization) => {
            let suffix = suffix(organization.id.as_str());
            let username = format!("api-org-{}-{suffix}", organization.name);
            service_account(&format!("user-{suffix}"), &username)
                .relation("authenticated-resource", Relationship::to_one("organizations", organization.name))
        }
    };
    Ok(document(StatusCode::OK, &Document::one(resource)))
}

/// The account as only its owner sees it.
fn own(account: &OwnAccount) -> Resource {
    let user = &account.user;
    resource(user)
        .attribute("email", user.email.clone())
        .attribute("unconfirmed-email", account.unconfirmed_email.clone().map_or(Value::Null, Value::String))
        .relation("authenticated-resource", Relationship::to_one("users", user.id.as_str()))
}

async fn update(State(app): State<App>, Authenticated(caller): Authenticated, body: Json) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let update = AccountUpdate { username: input.attribute("username")?, email: input.attribute("email")? };
    Ok(document(StatusCode::OK, &Document::one(own(&account::update(&app, &caller, update).await?))))
}

async fn change_password(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let current: String = input.required("current-password")?;
    let new: String = input.required("password")?;
    let confirmation: String = input.required("password-confirmation")?;
    if new != confirmation {
        return Err(AppError::invalid("password_confirmation", "Password confirmation doesn't match Password").into());
    }
    account::change_password(&app, &caller, Secret::new(current), Secret::new(new)).await?;
    Ok(document(StatusCode::OK, &Document::one(own(&account::read(&app, &caller).await?))))
}
