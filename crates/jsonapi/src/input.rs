//! Documents of requests, read leniently.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::body;
use crate::error::Error;
use crate::reference::{self, Reference};
use crate::relationship::Identifier;

/// The document of a request that creates or changes one resource.
///
/// Names are folded to kebab-case, unknown members are ignored, and `type` and `id` may be empty or missing.
/// An empty body is a document without attributes. No `Debug`: attributes hold secrets.
#[derive(Clone, Default, PartialEq)]
pub struct Input {
    kind: String,
    id: Option<String>,
    attributes: Map<String, Value>,
    relationships: Map<String, Value>,
}

impl Input {
    /// Reads a document of at most `max` bytes.
    pub fn parse(bytes: &[u8], max: usize) -> Result<Self, Error> {
        let mut members = body::object(bytes, max)?;
        let mut data = body::take_object(&mut members, "data")?;
        let attributes = body::fold(body::take_object(&mut data, "attributes")?);
        let relationships = body::fold(body::take_object(&mut data, "relationships")?);
        let kind = reference::take_text(&mut data, "type").unwrap_or_default();
        Ok(Self { kind, id: reference::take_text(&mut data, "id"), attributes, relationships })
    }

    /// The type the document claims; may be empty.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The id the document claims.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Refuses a document of another type than `kind`; one without a type passes.
    pub fn expect_kind(&self, kind: &str) -> Result<(), Error> {
        if self.kind.is_empty() || self.kind == kind {
            return Ok(());
        }
        Err(Error::invalid("/data/type", format!("type must be {kind:?}, not {:?}.", self.kind)))
    }

    /// The names of the given attributes, in kebab-case.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    /// An attribute that may be absent or null.
    pub fn attribute<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        Ok(self.attribute_or_absent(name)?.flatten())
    }

    /// An attribute whose absence differs from null: `None` when absent, `Some(None)` when null.
    pub fn attribute_or_absent<T: DeserializeOwned>(&self, name: &str) -> Result<Option<Option<T>>, Error> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => T::deserialize(value).map(|value| Some(Some(value))).map_err(|error| wrong(name, &error)),
        }
    }

    /// An attribute that must be there and not null.
    pub fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        self.attribute(name)?.ok_or_else(|| Error::invalid_attribute(name, format!("{name} is required.")))
    }

    /// Like [`Input::attribute`], but moves the value out, so that a large one is not copied.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error> {
        match self.attributes.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value).map(Some).map_err(|error| wrong(name, &error)),
        }
    }

    /// The one resource of a relationship; `None` when the relationship is absent, null or empty.
    pub fn relation(&self, name: &str) -> Result<Option<Identifier>, Error> {
        Ok(self.relation_or_absent(name)?.flatten())
    }

    /// The one resource of a relationship: `None` when the relationship is absent, `Some(None)` when it is null or empty.
    pub fn relation_or_absent(&self, name: &str) -> Result<Option<Option<Identifier>>, Error> {
        let Some(data) = self.linkage(name)? else { return Ok(None) };
        let pointer = || relation_pointer(name);
        let Some(reference) = reference::read(data, pointer)? else { return Ok(Some(None)) };
        Ok(Some(reference.id.map(|id| Identifier::new(reference.kind, id))))
    }

    /// The one resource of a relationship that must be there.
    pub fn required_relation(&self, name: &str) -> Result<Identifier, Error> {
        self.relation(name)?.ok_or_else(|| Error::invalid(relation_pointer(name), format!("{name} is required.")))
    }

    /// The resources of a relationship; `None` when it is absent.
    pub fn relation_list(&self, name: &str) -> Result<Option<Vec<Reference>>, Error> {
        let Some(data) = self.linkage(name)? else { return Ok(None) };
        reference::read_list(data, &relation_pointer(name)).map(Some)
    }

    fn linkage(&self, name: &str) -> Result<Option<&Value>, Error> {
        match self.relationships.get(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(&Value::Null)),
            Some(Value::Object(members)) => Ok(members.get("data")),
            Some(_) => Err(Error::invalid_relationship(name, format!("{name} must be an object with data."))),
        }
    }
}

fn relation_pointer(name: &str) -> String {
    format!("/data/relationships/{name}/data")
}

fn wrong(name: &str, error: &serde_json::Error) -> Error {
    Error::invalid_attribute(name, format!("{name} cannot be used: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(body: &str) -> Input {
        Input::parse(body.as_bytes(), 10_000).unwrap()
    }

    fn attributes(attributes: &str) -> Input {
        input(&format!(r#"{{"data":{{"type":"workspaces","attributes":{attributes}}}}}"#))
    }

    fn relationships(relationships: &str) -> Input {
        input(&format!(r#"{{"data":{{"type":"workspaces","relationships":{relationships}}}}}"#))
    }

    #[test]
    fn underscores_fold_to_hyphens_and_hyphens_win() {
        let folded = attributes(r#"{"terraform_version":"1.11.4","auto_apply":true,"auto-apply":false}"#);
        assert_eq!(folded.attribute::<String>("terraform-version"), Ok(Some("1.11.4".to_owned())));
        assert_eq!(folded.attribute::<bool>("auto-apply"), Ok(Some(false)));
        assert_eq!(folded.attribute_names().collect::<Vec<_>>(), ["auto-apply", "terraform-version"]);
    }

    #[test]
    fn absence_differs_from_null() {
        let document = attributes(r#"{"description":null}"#);
        assert_eq!(document.attribute_or_absent::<String>("description"), Ok(Some(None)));
        assert_eq!(document.attribute_or_absent::<String>("name"), Ok(None));
        assert_eq!(document.attribute::<String>("description"), Ok(None));
    }

    #[test]
    fn a_required_attribute_is_neither_absent_nor_null() {
        let error = attributes(r#"{"name":null}"#).required::<String>("name").unwrap_err();
        assert_eq!((error.status, error.pointer()), (422, Some("/data/attributes/name")));
        assert_eq!(error.detail, "name is required.");
    }

    #[test]
    fn a_wrong_type_is_an_invalid_attribute() {
        let error = attributes(r#"{"auto-apply":"yes"}"#).attribute::<bool>("auto-apply").unwrap_err();
        assert_eq!((error.status, &*error.title), (422, "invalid attribute"));
        assert_eq!(error.pointer(), Some("/data/attributes/auto-apply"));
        assert_eq!(error.detail, r#"auto-apply cannot be used: invalid type: string "yes", expected a boolean."#);
    }

    #[test]
    fn an_attribute_can_be_moved_out() {
        let mut document = attributes(r#"{"state":"eyJ9"}"#);
        assert_eq!(document.take::<String>("state"), Ok(Some("eyJ9".to_owned())));
        assert_eq!(document.take::<String>("state"), Ok(None));
    }

    #[test]
    fn the_type_may_be_empty_but_not_another() {
        for body in ["", "{}", r#"{"data":null}"#, r#"{"data":{"type":""}}"#, r#"{"data":{"type":"workspaces"}}"#] {
            assert_eq!(input(body).expect_kind("workspaces"), Ok(()), "{body}");
        }
        let error = input(r#"{"data":{"type":"runs"}}"#).expect_kind("workspaces").unwrap_err();
        assert_eq!(error.pointer(), Some("/data/type"));
    }

    #[test]
    fn a_relation_names_one_or_none() {
        let document = relationships(
            r#"{"project":{"data":{"type":"projects","id":"prj-1"}},"agent_pool":{"data":null},
                "ssh-key":{"data":{"type":"","id":""}},"vcs":null,"linked":{"links":{}}}"#,
        );
        assert_eq!(document.relation("project"), Ok(Some(Identifier::new("projects", "prj-1"))));
        assert_eq!(document.relation_or_absent("agent-pool"), Ok(Some(None)));
        assert_eq!(document.relation_or_absent("ssh-key"), Ok(Some(None)));
        assert_eq!(document.relation_or_absent("vcs"), Ok(Some(None)));
        assert_eq!(document.relation_or_absent("linked"), Ok(None));
        assert_eq!(document.relation_or_absent("organization"), Ok(None));
        assert_eq!(
            document.required_relation("organization").unwrap_err().pointer(),
            Some("/data/relationships/organization/data")
        );
    }

    #[test]
    fn a_list_of_relations_may_describe_new_things() {
        let document = relationships(r#"{"tags":{"data":[{"type":"tags","attributes":{"name":"blue"}}]}}"#);
        assert_eq!(document.relation_list("tags").unwrap().unwrap()[0].text("name"), Some("blue"));
        assert_eq!(document.relation_list("tag-bindings"), Ok(None));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for (body, status) in [("{", 400), ("[]", 400), (r#"{"data":[]}"#, 400), (r#"{"data":{"attributes":1}}"#, 400)]
        {
            assert_eq!(Input::parse(body.as_bytes(), 1000).err().unwrap().status, status, "{body}");
        }
        assert_eq!(Input::parse(b"{}          ", 5).err().unwrap().status, 413);
        let deep = format!(r#"{{"data":{{"attributes":{{"a":{}1{}}}}}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(Input::parse(deep.as_bytes(), 10_000).err().unwrap().status, 400);
    }
}
