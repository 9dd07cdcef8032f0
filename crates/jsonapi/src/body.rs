//! What all request bodies have in common.

use serde_json::{Map, Value};

use crate::error::Error;

/// Reads a body that is a JSON object or empty, and takes an empty one for an empty object.
pub(crate) fn object(bytes: &[u8], max: usize) -> Result<Map<String, Value>, Error> {
    if bytes.len() > max {
        return Err(Error::too_large(max));
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(Error::bad_request("The body must be a JSON object.")),
        Err(error) => Err(Error::bad_request(format!("The body is no valid JSON: {error}."))),
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
