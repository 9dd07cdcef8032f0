//! References to resources in requests.

use serde_json::{Map, Value};

use crate::body;
use crate::error::Error;

/// A resource as a request names it: the type may be empty, and something new is described by attributes in place of
/// an id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reference {
    /// The type it claims; may be empty.
    pub kind: String,
    /// The id, if it has one.
    pub id: Option<String>,
    /// What describes it, under names in kebab-case.
    pub attributes: Map<String, Value>,
}

impl Reference {
    /// A text among the attributes, unless it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Reads the body of a request that edits a relationship, `{"data":[{"type":…,"id":…}]}`, of at most `max` bytes.
    /// A single reference counts as a list of one.
    pub fn parse_list(bytes: &[u8], max: usize) -> Result<Vec<Self>, Error> {
        let members = body::object(bytes, max)?;
        read_list(members.get("data").unwrap_or(&Value::Null), "/data")
    }
}

/// Reads one reference; null and what names nothing are `None`.
pub(crate) fn read(data: &Value, pointer: impl FnOnce() -> String) -> Result<Option<Reference>, Error> {
    let members = match data {
        Value::Null => return Ok(None),
        Value::Object(members) => members,
        _ => return Err(Error::invalid(pointer(), "A reference must be an object with type and id.")),
    };
    let text = |name| members.get(name).and_then(to_text);
    let attributes = members.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let reference =
        Reference { kind: text("type").unwrap_or_default(), id: text("id"), attributes: body::fold(attributes) };
    Ok(Some(reference).filter(|reference| reference.id.is_some() || !reference.attributes.is_empty()))
}

/// Reads a list of references; null is an empty list, and one reference a list of one.
pub(crate) fn read_list(data: &Value, pointer: &str) -> Result<Vec<Reference>, Error> {
    let Value::Array(items) = data else {
        return Ok(read(data, || pointer.to_owned())?.into_iter().collect());
    };
    let read_item = |(index, item)| {
        let pointer = || format!("{pointer}/{index}");
        read(item, pointer)?.ok_or_else(|| Error::invalid(pointer(), "A reference in a list must have an id."))
    };
    items.iter().enumerate().map(read_item).collect()
}

/// Takes a text that some clients send as a number; empty and null count as absent.
pub(crate) fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    members.remove(name).as_ref().and_then(to_text)
}

fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Result<Vec<String>, Error> {
        let references = Reference::parse_list(body.as_bytes(), 1000)?;
        Ok(references.into_iter().filter_map(|reference| reference.id).collect())
    }

    #[test]
    fn lists_keep_their_order() {
        assert_eq!(ids(r#"{"data":[{"type":"tags","id":"b"},{"id":7}]}"#).unwrap(), ["b", "7"]);
    }

    #[test]
    fn one_reference_is_a_list_of_one_and_nothing_is_an_empty_list() {
        assert_eq!(ids(r#"{"data":{"type":"tags","id":"b"}}"#).unwrap(), ["b"]);
        assert_eq!(ids("").unwrap(), Vec::<String>::new());
        assert_eq!(ids(r#"{"data":null}"#).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_new_comes_with_attributes_and_without_an_id() {
        let body = br#"{"data":[{"type":"tag-bindings","attributes":{"key":"env","value":""}}]}"#;
        let references = Reference::parse_list(body, 1000).unwrap();
        assert_eq!(references[0].text("key"), Some("env"));
        assert_eq!(references[0].text("value"), None);
        assert_eq!(references[0].id, None);
    }

    #[test]
    fn a_bad_reference_is_pointed_at() {
        assert_eq!(ids(r#"{"data":[{"id":"a"},"b"]}"#).unwrap_err().pointer(), Some("/data/1"));
        assert_eq!(ids(r#"{"data":[{"type":"tags"}]}"#).unwrap_err().pointer(), Some("/data/0"));
    }
}
