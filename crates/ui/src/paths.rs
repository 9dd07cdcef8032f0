//! The parts of an address.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use terrane_app::{App, AppError};

use crate::error::PageError;

/// The parameters of a page's path. An address that cannot be read leads nowhere, as any other that leads nowhere.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let path = axum::extract::Path::from_request_parts(parts, app).await;
        path.map(|axum::extract::Path(parameters)| Self(parameters)).map_err(|_| AppError::NotFound.into())
    }
}
