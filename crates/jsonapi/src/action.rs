//! Bodies of actions, such as locking a workspace or confirming a run.

use serde_json::{Map, Value};

use crate::body;
use crate::error::Error;

/// What a caller says about an action.
///
/// Clients send nothing, `{}`, `{"comment": "…"}`, `{"reason": "…"}`, or the same as the attributes of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionBody {
    /// The remark to keep with the run.
    pub comment: Option<String>,
    /// Why it is done.
    pub reason: Option<String>,
}

impl ActionBody {
    /// Reads a body of at most `max` bytes.
    pub fn parse(bytes: &[u8], max: usize) -> Result<Self, Error> {
        let mut members = body::object(bytes, max)?;
        let mut data = body::take_object(&mut members, "data")?;
        let mut attributes = body::take_object(&mut data, "attributes")?;
        let mut text = |name: &str| match take_text(&mut members, name, format!("/{name}"))? {
            Some(text) => Ok(Some(text)),
            None => take_text(&mut attributes, name, format!("/data/attributes/{name}")),
        };
        Ok(Self { comment: text("comment")?, reason: text("reason")? })
    }
}

fn take_text(members: &mut Map<String, Value>, name: &str, pointer: String) -> Result<Option<String>, Error> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(Error::invalid(pointer, format!("{name} must be a string."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<ActionBody, Error> {
        ActionBody::parse(body.as_bytes(), 1000)
    }

    #[test]
    fn nothing_is_said_by_empty_bodies() {
        for body in ["", " \n", "{}", "null", r#"{"data":null}"#, r#"{"comment":null}"#, r#"{"comment":""}"#] {
            assert_eq!(parse(body), Ok(ActionBody::default()), "{body}");
        }
    }

    #[test]
    fn bare_and_wrapped_bodies_say_the_same() {
        let reason = Ok(ActionBody { comment: None, reason: Some("Maintenance".to_owned()) });
        assert_eq!(parse(r#"{"reason":"Maintenance"}"#), reason);
        assert_eq!(parse(r#"{"data":{"type":"","attributes":{"reason":"Maintenance"}}}"#), reason);
        assert_eq!(parse(r#"{"comment":"ok"}"#).unwrap().comment.as_deref(), Some("ok"));
    }

    #[test]
    fn a_comment_that_is_no_string_is_pointed_at() {
        assert_eq!(parse(r#"{"comment":1}"#).unwrap_err().pointer(), Some("/comment"));
    }

    #[test]
    fn broken_and_large_bodies_are_refused() {
        assert_eq!(parse("{").unwrap_err().status, 400);
        assert_eq!(parse("[]").unwrap_err().status, 400);
        assert_eq!(ActionBody::parse(b"{\"comment\":\"\"}", 5).unwrap_err().status, 413);
    }
}
