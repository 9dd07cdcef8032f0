//! Errors as clients read them.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What in the request an error speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// A JSON pointer into the request's document.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
}

/// One error of an answer.
#[must_use]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{status} {title}: {detail}")]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// What kind of error it is, in few words.
    pub title: Cow<'static, str>,
    /// What happened and what to do, in a sentence.
    pub detail: String,
    /// What in the request it speaks of: `source` on the wire.
    pub place: Option<Place>,
    /// A code for programs.
    pub code: Option<Cow<'static, str>>,
    /// Further facts for programs.
    pub meta: Option<Box<Value>>,
}

impl Error {
    /// What is said of a text with a NUL.
    pub(crate) const NUL: &str = "The text has a NUL character (U+0000), which cannot be stored; leave it out.";

    /// An error of any status.
    pub fn new(status: u16, title: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { status, title: title.into(), detail: detail.into(), place: None, code: None, meta: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad request", detail)
    }

    /// 400: a query parameter cannot be understood.
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { place: Some(Place::Parameter(name.to_owned())), ..Self::bad_request(detail) }
    }

    /// 401: the credentials are missing or worth nothing.
    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "unauthorized",
            "The token is missing, malformed, expired or revoked; send a valid one in the header Authorization, after Bearer.",
        )
    }

    /// 403: what is wanted can be seen, but not done.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    /// 404: there is no such thing, or the caller may not know of it; always the same bytes.
    pub fn not_found() -> Self {
        Self::new(404, "not found", "There is no such thing, or this token may not see it.")
    }

    /// 405: the path exists, the method does not.
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "method not allowed",
            "This address does not take this method; those that it takes are in the header Allow.",
        )
    }

    /// 409: the thing's present state forbids it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "conflict", detail)
    }

    /// 412: something else must be true first.
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(412, "precondition failed", detail)
    }

    /// 413: the body is larger than `max` bytes.
    pub fn too_large(max: usize) -> Self {
        Self::new(413, "payload too large", format!("The body is larger than the {max} bytes allowed here."))
    }

    /// 422: the part of the document at `pointer` is not acceptable.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { place: Some(Place::Pointer(pointer.into())), ..Self::new(422, "invalid attribute", detail) }
    }

    /// 422: the named attribute is not acceptable.
    pub fn invalid_attribute(name: &str, detail: impl Into<String>) -> Self {
        Self::invalid(format!("/data/attributes/{name}"), detail)
    }

    /// 422: the named relationship is not acceptable.
    pub fn invalid_relationship(name: &str, detail: impl Into<String>) -> Self {
        Self::invalid(format!("/data/relationships/{name}"), detail)
    }

    /// 422: the request as a whole is not acceptable.
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(422, "unprocessable entity", detail)
    }

    /// 429: too many requests in too little time.
    pub fn too_many_requests(detail: impl Into<String>) -> Self {
        Self::new(429, "Too many requests", detail)
    }

    /// 500: the server failed in itself; the detail must not tell its secrets.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal server error", detail)
    }

    /// 503: not now; the same request may succeed later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "service unavailable", detail)
    }

    /// Adds a code for programs.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds facts for programs.
    pub fn meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = Some(Box::new(meta.into()));
        self
    }

    /// The JSON pointer into the request's document, where the error speaks of a part of it.
    pub fn pointer(&self) -> Option<&str> {
        match &self.place {
            Some(Place::Pointer(pointer)) => Some(pointer),
            _ => None,
        }
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // Everywhere a string, but clients know the answer to too many requests with a number.
        match self.status {
            429 => map.serialize_entry("status", &self.status)?,
            status => map.serialize_entry("status", &status.to_string())?,
        }
        map.serialize_entry("title", &self.title)?;
        if !self.detail.is_empty() {
            map.serialize_entry("detail", &self.detail)?;
        }
        if let Some(place) = &self.place {
            map.serialize_entry("source", place)?;
        }
        if let Some(code) = &self.code {
            map.serialize_entry("code", code)?;
        }
        if let Some(meta) = &self.meta {
            map.serialize_entry("meta", meta)?;
        }
        map.end()
    }
}

/// The body of an answer that is an error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorDocument {
    errors: Vec<Error>,
}

impl ErrorDocument {
    /// A document of several errors. Their answer has the status of the first.
    pub fn new(errors: Vec<Error>) -> Self {
        Self { errors }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.errors.first().map_or(500, |error| error.status)
    }

    /// The document's bytes, as they go over the wire.
    ///
    /// # Panics
    /// Never: what an error holds is JSON already.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an error document is JSON")
    }
}

impl From<Error> for ErrorDocument {
    fn from(error: Error) -> Self {
        Self::new(vec![error])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(error: Error) -> String {
        String::from_utf8(ErrorDocument::from(error).to_bytes()).unwrap()
    }

    #[test]
    fn an_invalid_attribute_is_pointed_at() {
        assert_eq!(
            json(Error::invalid_attribute("name", "Name has already been taken")),
            concat!(
                r#"{"errors":[{"status":"422","title":"invalid attribute","detail":"Name has already been taken","#,
                r#""source":{"pointer":"/data/attributes/name"}}]}"#
            )
        );
    }

    #[test]
    fn codes_and_facts_follow() {
        let error = Error::forbidden("Wait for approval.").code("approval-required").meta(serde_json::json!({"a": 1}));
        assert_eq!(
            json(error),
            concat!(
                r#"{"errors":[{"status":"403","title":"forbidden","detail":"Wait for approval.","#,
                r#""code":"approval-required","meta":{"a":1}}]}"#
            )
        );
    }

    #[test]
    fn too_many_requests_has_a_number_for_its_status() {
        assert!(json(Error::too_many_requests("Slow down.")).contains(r#""status":429,"#));
    }

    #[test]
    fn a_document_has_the_status_of_its_first_error() {
        let document = ErrorDocument::new(vec![Error::invalid_attribute("a", ""), Error::conflict("")]);
        assert_eq!(document.status(), 422);
        assert_eq!(ErrorDocument::new(Vec::new()).status(), 500);
    }

    #[test]
    fn a_bad_parameter_is_named() {
        assert!(json(Error::bad_parameter("include", "x")).contains(r#""source":{"parameter":"include"}"#));
    }
}
