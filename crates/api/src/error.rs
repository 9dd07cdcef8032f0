//! From the services' errors to error documents, in one place.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use terrane_app::AppError;
use terrane_domain::runner_protocol::Refusal;
use terrane_jsonapi::{Error, ErrorDocument, MEDIA_TYPE};

/// What a handler answers when it cannot do what it was asked.
pub(crate) enum ApiError {
    Document(Error),
    /// Too many tries: the next one not before so many seconds.
    Later(u64),
    Refused(Refusal),
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Document(error)
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        Self::Document(match error {
            AppError::NotFound => Error::not_found(),
            AppError::Unauthorized => Error::unauthorized(),
            AppError::Forbidden(detail) => Error::forbidden(detail),
            AppError::Conflict(detail) => Error::conflict(detail),
            AppError::Invalid { pointer: Some(pointer), detail } => Error::invalid(pointer, detail),
            AppError::Invalid { pointer: None, detail } => Error::unprocessable(detail),
            AppError::BadRequest(detail) => Error::bad_request(detail),
            AppError::TooLarge(detail) => Error::new(413, "payload too large", detail),
            AppError::TooManyTries(seconds) => {
                return Self::Later(seconds);
            }
            AppError::Unavailable(detail) => Error::unavailable(detail),
            AppError::Refused(refusal) => return Self::Refused(refusal),
            AppError::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                Error::internal(
                    "the server failed; its log says why. Try again, and tell your administrator if it stays",
                )
            }
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Document(error) => {
                let document = ErrorDocument::new(vec![error]);
                let status = StatusCode::from_u16(document.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], document.to_bytes()).into_response()
            }
            Self::Later(seconds) => {
                let detail = AppError::TooManyTries(seconds).to_string();
                let mut response = Self::Document(Error::too_many_requests(detail)).into_response();
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Refused(refusal) => (StatusCode::CONFLICT, axum::Json(refusal)).into_response(),
        }
    }
}

/// An address that we do not have.
pub(crate) async fn no_such_route() -> ApiError {
    Error::not_found().into()
}

/// A method that the address does not take.
pub(crate) async fn no_such_method() -> ApiError {
    Error::method_not_allowed().into()
}
