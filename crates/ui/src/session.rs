//! The browser's session: a cookie that scripts cannot read, and the guard against forged forms.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, header};
use terrane_app::callers::{Secret, authenticate};
use terrane_app::{App, AppError};
use terrane_domain::access::{Caller, CredentialKind};

use crate::error::PageError;

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "terrane_session";

/// A signed-in person.
pub(crate) struct SignedIn(pub(crate) Caller);

fn cookie(parts: &Parts) -> Option<Secret> {
    let prefix = format!("{COOKIE}=");
    parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(&prefix).map(Secret::new))
}

/// Whether the request comes from one of our own pages. Browsers send `Sec-Fetch-Site`; older ones only `Origin`.
fn is_from_our_page(parts: &Parts) -> bool {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => false,
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let caller = authenticate(app, cookie(parts)).await?;
        if caller.kind != CredentialKind::Session {
            return Err(AppError::Unauthorized.into());
        }
        if parts.method != Method::GET && !is_from_our_page(parts) {
            return Err(AppError::BadRequest("this form was not sent by a page of this server".to_owned()).into());
        }
        Ok(Self(caller))
    }
}
