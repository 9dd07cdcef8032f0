//! The members of a JSON object as text: what is written once needs no tree of values in between.

use serde::Serialize;

/// Room that is taken for the first members, so that most resources need no more.
const USUAL_BYTES: usize = 2 * 1024;

/// Members in the order they were added, as they go over the wire: `{"a":1,"b":2`, the end of the object left off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members(Vec<u8>);

/// What was given is no JSON object.
#[derive(Debug)]
pub(crate) struct NoObject;

impl Members {
    /// Adds the members of a struct or map, under the names serde gives them. No name may be there already.
    pub(crate) fn extend(&mut self, object: &impl Serialize) -> Result<(), NoObject> {
        let start = self.0.len();
        if start == 0 {
            self.0.reserve(USUAL_BYTES);
        }
        serde_json::to_writer(&mut self.0, object).map_err(|_| NoObject)?;
        match &self.0[start..] {
            b"{}" => self.0.truncate(start),
            [b'{', .., b'}'] => {
                self.0.pop();
                self.0[start] = if start == 0 { b'{' } else { b',' };
            }
            _ => return Err(NoObject),
        }
        debug_assert!(self.each_name_is_there_once(), "a name is there twice: {}", String::from_utf8_lossy(&self.0));
        Ok(())
    }

    /// Writes the whole object.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(if self.0.is_empty() { b"{" } else { &self.0 });
        bytes.push(b'}');
    }

    fn each_name_is_there_once(&self) -> bool {
        let mut whole = Vec::new();
        self.write(&mut whole);
        serde_json::from_slice::<names::Distinct>(&whole).is_ok()
    }
}

/// Writes `"name":value` behind a comma, or behind nothing where an object begins.
pub(crate) fn write(bytes: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    write_name(bytes, name);
    write_value(bytes, value);
}

/// Writes `"name":` behind a comma, or behind nothing where an object begins.
pub(crate) fn write_name(bytes: &mut Vec<u8>, name: &str) {
    if bytes.last() != Some(&b'{') {
        bytes.push(b',');
    }
    write_value(bytes, &name);
    bytes.push(b':');
}

/// Writes a value.
///
/// # Panics
/// When it cannot be written as JSON: a mistake in the program, never in its input.
pub(crate) fn write_value(bytes: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(bytes, value).expect("a document holds JSON");
}

mod names {
    use std::collections::HashSet;
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

    /// An object in which no name comes twice.
    pub(super) struct Distinct;

    impl<'de> Deserialize<'de> for Distinct {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Names)
        }
    }

    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Distinct;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distinct, A::Error> {
            let mut names = HashSet::new();
            while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                if !names.insert(name) {
                    return Err(A::Error::custom("a name is there twice"));
                }
            }
            Ok(Distinct)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(members: &Members) -> String {
        let mut bytes = Vec::new();
        members.write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn objects_are_joined_in_order_whichever_are_empty() {
        let mut members = Members::default();
        assert_eq!(text(&members), "{}");
        for object in [json!({}), json!({"b": "}"}), json!({}), json!({"a": {"b": 1}})] {
            members.extend(&object).unwrap();
        }
        assert_eq!(text(&members), r#"{"b":"}","a":{"b":1}}"#);
    }

    #[test]
    fn only_objects_have_members() {
        for value in [json!(null), json!([]), json!("{}"), json!(1)] {
            assert!(Members::default().extend(&value).is_err(), "{value}");
        }
    }

    #[test]
    #[should_panic(expected = "a name is there twice")]
    fn a_name_that_comes_twice_is_a_mistake() {
        let mut members = Members::default();
        members.extend(&json!({"a": 1})).unwrap();
        let _ = members.extend(&json!({"a": 2}));
    }
}
