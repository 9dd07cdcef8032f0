//! What all request bodies have in common.

use serde_json::{Map, Value};

use crate::error::Error;

/// How deep a body may be nested: far deeper than any document is.
const MAX_DEPTH: usize = 64;

/// Reads a body that is a JSON object or empty, and takes an empty one for an empty object.
pub(crate) fn object(bytes: &[u8], max: usize) -> Result<Map<String, Value>, Error> {
    if bytes.len() > max {
        return Err(Error::too_large(max));
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    let value = serde_json::from_slice(bytes).map_err(|error| match error.to_string() {
        // The parser has a limit of its own, and no kind of error for it.
        text if text.starts_with("recursion limit") => too_deep(),
        text => Error::bad_request(format!("The body is no valid JSON: {text}.")),
    })?;
    match look_through(&value, 1) {
        Ok(()) => {}
        Err(Fault::Depth) => return Err(too_deep()),
        Err(Fault::Nul(path)) => return Err(Error::invalid(path, Error::NUL)),
    }
    match value {
        Value::Object(members) => Ok(members),
        Value::Null => Ok(Map::new()),
        _ => Err(Error::bad_request("The body must be a JSON object.")),
    }
}

fn too_deep() -> Error {
    Error::bad_request(format!("The body is nested deeper than the {MAX_DEPTH} levels allowed here."))
}

/// What no text and no document may have.
enum Fault {
    Depth,
    /// At this pointer; a name with a NUL is pointed at by the object that has it.
    Nul(String),
}

/// Looks at every text once, so that no handler has to: databases hold no NUL.
fn look_through(value: &Value, depth: usize) -> Result<(), Fault> {
    let at = |name: &str, fault| match fault {
        Fault::Nul(path) => Fault::Nul(format!("/{}{path}", name.replace('~', "~0").replace('/', "~1"))),
        Fault::Depth => Fault::Depth,
    };
    let nul = |text: &str| if text.contains('\0') { Err(Fault::Nul(String::new())) } else { Ok(()) };
    match value {
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(Fault::Depth),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| look_through(item, depth + 1).map_err(|fault| at(&index.to_string(), fault))),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            nul(name)?;
            look_through(member, depth + 1).map_err(|fault| at(name, fault))
        }),
        Value::String(text) => nul(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Takes a member that is an object, null or absent.
pub(crate) fn take_object(members: &mut Map<String, Value>, name: &str) -> Result<Map<String, Value>, Error> {
    match members.remove(name) {
        Some(Value::Object(inner)) => Ok(inner),
        Some(Value::Null) | None => Ok(Map::new()),
        Some(_) => Err(Error::bad_request(format!("The body's member {name:?} must be an object."))),
    }
}

/// Writes `_` in names as `-`. Where a name was given both ways, the one with `-` counts.
pub(crate) fn fold(members: Map<String, Value>) -> Map<String, Value> {
    if !members.keys().any(|name| name.contains('_')) {
        return members;
    }
    let (folded, mut kept): (Map<_, _>, Map<_, _>) = members.into_iter().partition(|(name, _)| name.contains('_'));
    for (name, value) in folded {
        kept.entry(name.replace('_', "-")).or_insert(value);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Map<String, Value>, Error> {
        object(body.as_bytes(), 1_000_000)
    }

    #[test]
    fn a_nul_is_pointed_at_wherever_it_stands() {
        for (body, pointer) in [
            (r#"{"data":{"attributes":{"a/b":"x\u0000"}}}"#, "/data/attributes/a~1b"),
            (r#"{"data":[{"id":"a"},{"id":"\u0000"}]}"#, "/data/1/id"),
            (r#"{"data":{"na\u0000me":1}}"#, "/data"),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!((error.status, error.pointer()), (422, Some(pointer)), "{body}");
        }
        assert!(read(r#"{"data":"a\\u0000"}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_below_what_the_parser_takes() {
        let nested = |depth: usize| read(&format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1)));
        assert!(nested(MAX_DEPTH).is_ok());
        for depth in [MAX_DEPTH + 1, 127, 128, 100_000] {
            let error = nested(depth).unwrap_err();
            assert_eq!(error.status, 400);
            assert_eq!(error.detail, "The body is nested deeper than the 64 levels allowed here.", "{depth}");
        }
    }
}
