//! What handlers take: the caller, bodies with limits, the query; and how they answer.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http_body_util::{LengthLimitError, Limited};
use terrane_app::callers::{Secret, authenticate};
use terrane_app::streams::Body;
use terrane_app::{App, AppError};
use terrane_domain::access::{Caller, CredentialKind};
use terrane_jsonapi::{ActionBody, Document, Error, MEDIA_TYPE, Query, Reference};

use crate::error::{ApiError, ApiResult};

/// Largest JSON body.
pub(crate) const MAX_JSON_BYTES: usize = 1 << 20;

/// The caller whom the route's gate let in; the handler of a public route has none.
pub(crate) struct Authenticated(pub(crate) Caller);

/// The caller who showed a valid credential.
pub(crate) async fn authenticated(app: &App, headers: &HeaderMap) -> ApiResult<Caller> {
    let caller = authenticate(app, bearer(headers)).await?;
    // A session is its cookie's, and cookies are for pages: what stands in a page cannot be used here.
    let is_for_pages = matches!(caller.kind, CredentialKind::Anonymous | CredentialKind::Session);
    if is_for_pages { Err(AppError::Unauthorized.into()) } else { Ok(caller) }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(secret.trim()))
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Error::internal("this public route asks for its caller").into())
    }
}

/// The query, as pairs in order.
pub(crate) struct Parameters(pub(crate) Query);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(Query::parse(parts.uri.query().unwrap_or_default()).without_nul()?))
    }
}

/// A body in memory, of at most `LIMIT` bytes.
pub(crate) struct Whole<const LIMIT: usize>(pub(crate) Bytes);

/// A JSON document's body.
pub(crate) type Json = Whole<MAX_JSON_BYTES>;

impl<S: Sync, const LIMIT: usize> FromRequest<S> for Whole<LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let told = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|length: usize| length > LIMIT) {
            return Err(Error::too_large(LIMIT).into());
        }
        match http_body_util::BodyExt::collect(Limited::new(request.into_body(), LIMIT)).await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Error::too_large(LIMIT).into()),
            Err(_) => {
                let detail = "The body broke off before its end, and nothing was done; send the request again.";
                Err(Error::bad_request(detail).into())
            }
        }
    }
}

/// What is said with an act.
pub(crate) struct Said(pub(crate) ActionBody);

impl<S: Sync> FromRequest<S> for Said {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Whole(body) = Json::from_request(request, state).await?;
        Ok(Self(ActionBody::parse(&body, MAX_JSON_BYTES)?))
    }
}

/// A body that streams.
pub(crate) struct Streamed(pub(crate) Body);

impl<S: Sync> FromRequest<S> for Streamed {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Box::pin(request.into_body().into_data_stream().map_err(std::io::Error::other))))
    }
}

/// Answers a document.
pub(crate) fn document(status: StatusCode, document: &Document) -> Response {
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], document.to_bytes()).into_response()
}

/// Answers that it is done, with nothing to show.
pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Parses an id of a path; one that does not parse looks missing.
pub(crate) fn id<T: std::str::FromStr>(text: &str) -> ApiResult<T> {
    text.parse().map_err(|_| AppError::NotFound.into())
}

/// Most things that one request may name in a list.
const MAX_REFERENCES: usize = 1000;

/// The list of a request that edits a relationship.
pub(crate) fn references(body: &[u8]) -> ApiResult<Vec<Reference>> {
    let references = Reference::parse_list(body, MAX_JSON_BYTES)?;
    if references.len() > MAX_REFERENCES {
        return Err(Error::invalid("/data", format!("At most {MAX_REFERENCES} things can be named at once.")).into());
    }
    Ok(references)
}

/// The ids of such a list; what has none names nothing that exists.
pub(crate) fn reference_ids(body: &[u8]) -> ApiResult<Vec<String>> {
    Ok(references(body)?.into_iter().map(|reference| reference.id.unwrap_or_default()).collect())
}

/// The base of links.
pub(crate) fn address(app: &App, path: &str) -> String {
    format!("{}/api/v2/{path}", app.public_url())
}
