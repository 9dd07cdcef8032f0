//! What a request wants to see beside its answer.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use terrane_jsonapi::Query;

use crate::error::{ApiError, ApiResult};
use crate::extract::Parameters;

/// The paths of an `include`, each of them known.
pub(crate) struct Paths(Vec<String>);

impl Paths {
    #[expect(clippy::disallowed_methods, reason = "the one place where it is read")]
    fn parse(query: &Query, known: &[&str]) -> ApiResult<Self> {
        Ok(Self(query.include(known)?))
    }

    /// Whether exactly this path is wanted.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|wanted| wanted == path)
    }

    /// Whether this path or one below it is wanted.
    pub(crate) fn reach(&self, path: &str) -> bool {
        let is_below = |wanted: &String| wanted.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.has(path) || self.0.iter().any(is_below)
    }
}

/// What can be wanted beside a resource.
pub(crate) trait Includes: Sized {
    /// The paths that may be asked for, with `_` between words, dotted ones in full. What a part of the product would
    /// bring that is not there yet is known and empty.
    const KNOWN: &'static [&'static str];

    /// What these paths want.
    fn of(paths: &Paths) -> Self;
}

/// What the query's `include` wants. It is read before the handler starts: a change is never made and then refused for
/// what was to be shown beside it.
pub(crate) struct Include<W>(pub(crate) W);

impl<S: Sync, W: Includes> FromRequestParts<S> for Include<W> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Parameters(query) = Parameters::from_request_parts(parts, state).await?;
        Ok(Self(W::of(&Paths::parse(&query, W::KNOWN)?)))
    }
}
