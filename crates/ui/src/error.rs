//! Errors as pages: what happened, and what to do next.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use terrane_app::AppError;

use crate::layout::page;

pub(crate) struct PageError(AppError);

pub(crate) type PageResult<T> = Result<T, PageError>;

impl From<AppError> for PageError {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, text) = match &self.0 {
            AppError::Unauthorized => return Redirect::to("/app/sign-in").into_response(),
            AppError::NotFound => (
                StatusCode::NOT_FOUND,
                "Nothing here",
                "There is no such page, or your account may not see it.".to_owned(),
            ),
            AppError::Forbidden(text) => (StatusCode::FORBIDDEN, "Not allowed", format!("{text}.")),
            AppError::Conflict(_) => {
                (StatusCode::CONFLICT, "Not now", format!("{}. Go back to see how things stand.", self.0))
            }
            AppError::Store(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "a page failed");
                let text = "The server failed; its log says why. Try again, and tell your administrator if it stays.";
                (StatusCode::INTERNAL_SERVER_ERROR, "The server failed", text.to_owned())
            }
            other => (StatusCode::UNPROCESSABLE_ENTITY, "That did not work", other.to_string()),
        };
        let body = html! {
            h1 { (title) }
            p { (text) }
            p { a href="/app" { "All workspaces" } }
        };
        (status, page(title, &body)).into_response()
    }
}
