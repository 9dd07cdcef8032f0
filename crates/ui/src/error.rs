//! Errors as pages: what happened, and what to do next.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use terrane_app::AppError;

use crate::layout::page;
use crate::session::SignedIn;

pub(crate) enum PageError {
    App(AppError),
    Forged,
}

pub(crate) type PageResult<T> = Result<T, PageError>;

impl PageError {
    /// A form that no page of ours sent for this browser.
    pub(crate) const fn forged() -> Self {
        Self::Forged
    }
}

impl From<AppError> for PageError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let error = match self {
            Self::App(error) => error,
            Self::Forged => {
                let text = "This form did not come from a page of this server that was made for your browser, or the page was too old. Nothing was changed. Go back, reload the page, and try again.";
                return answer(StatusCode::FORBIDDEN, "Nothing was changed", text);
            }
        };
        match &error {
            AppError::Unauthorized => Redirect::to("/app/sign-in").into_response(),
            AppError::NotFound => {
                answer(StatusCode::NOT_FOUND, "Nothing here", "There is no such page, or your account may not see it.")
            }
            AppError::Forbidden(text) => answer(StatusCode::FORBIDDEN, "Not allowed", &format!("{text}.")),
            AppError::Conflict(_) => {
                let text = format!("{error}. Go back to see how things stand.");
                answer(StatusCode::CONFLICT, "Not now", &text)
            }
            AppError::TooManyTries(seconds) => {
                let mut response = answer(StatusCode::TOO_MANY_REQUESTS, "Not so fast", &error.to_string());
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
                response
            }
            AppError::Unavailable(text) => answer(StatusCode::SERVICE_UNAVAILABLE, "Not now", text),
            AppError::Store(failure) => {
                tracing::error!(error = failure as &dyn std::error::Error, "a page failed");
                let text = "The server failed; its log says why. Try again, and tell your administrator if it stays.";
                answer(StatusCode::INTERNAL_SERVER_ERROR, "The server failed", text)
            }
            other => answer(StatusCode::UNPROCESSABLE_ENTITY, "That did not work", &other.to_string()),
        }
    }
}

/// What stands at an address below `/app` that leads nowhere. Who is not signed in is asked to, as for what is there.
pub(crate) async fn missing(_: SignedIn) -> PageError {
    AppError::NotFound.into()
}

/// What stands at an address that is asked in a way that it does not know.
pub(crate) async fn wrong_method() -> Response {
    let text = "This address is not there to be looked at, or takes no form. Go back and follow the links of the page.";
    answer(StatusCode::METHOD_NOT_ALLOWED, "Not in this way", text)
}

fn answer(status: StatusCode, title: &str, text: &str) -> Response {
    let body = html! {
        h1 { (title) }
        p { (text) }
        p { a href="/app" { "All workspaces" } }
    };
    (status, page(title, &body)).into_response()
}
