//! One resource of a document.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::links::Links;
use crate::members::{self, Members};
use crate::relationship::{Identifier, Relationship};

/// A resource: what names it, its attributes, and how it relates to others.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    identifier: Identifier,
    attributes: Members,
    relationships: Vec<(Cow<'static, str>, Relationship)>,
    links: Links,
    meta: Option<Value>,
}

impl Resource {
    /// A resource with nothing but its name.
    pub fn new(kind: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self {
            identifier: Identifier::new(kind, id),
            attributes: Members::default(),
            relationships: Vec::new(),
            links: Links::default(),
            meta: None,
        }
    }

    /// Adds the fields of a struct or map as attributes, under the names serde gives them; they are written here and
    /// now. A struct costs far less than a [`Value`].
    ///
    /// # Panics
    /// When `attributes` is not written as a JSON object, or in debug builds when one of the names is there already:
    /// mistakes in the program, never in its input.
    #[track_caller]
    pub fn attributes(mut self, attributes: &impl Serialize) -> Self {
        let added = self.attributes.extend(attributes);
        assert!(added.is_ok(), "the attributes of {} are no JSON object", self.identifier.kind);
        self
    }

    /// Adds one attribute.
    ///
    /// # Panics
    /// As [`Resource::attributes`] does.
    #[track_caller]
    pub fn attribute(self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes(&BTreeMap::from([(name, value.into())]))
    }

    /// Adds a relationship; the same name again replaces it.
    pub fn relation(mut self, name: impl Into<Cow<'static, str>>, relationship: Relationship) -> Self {
        let name = name.into();
        match self.relationships.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = relationship,
            None => self.relationships.push((name, relationship)),
        }
        self
    }

    /// Adds a link, such as `self`.
    pub fn link(mut self, name: impl Into<Cow<'static, str>>, address: impl Into<String>) -> Self {
        self.links.set(name, Some(address.into()));
        self
    }

    /// Sets facts about the resource that are no attribute.
    pub fn meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = Some(meta.into());
        self
    }

    /// What names the resource.
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// Writes the resource as it goes over the wire.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(b'{');
        members::write(bytes, "type", &self.identifier.kind);
        members::write(bytes, "id", &self.identifier.id);
        members::write_name(bytes, "attributes");
        self.attributes.write(bytes);
        if !self.relationships.is_empty() {
            members::write_name(bytes, "relationships");
            bytes.push(b'{');
            for (name, relationship) in &self.relationships {
                members::write(bytes, name, relationship);
            }
            bytes.push(b'}');
        }
        if !self.links.is_empty() {
            members::write(bytes, "links", &self.links);
        }
        if let Some(meta) = &self.meta {
            members::write(bytes, "meta", meta);
        }
        bytes.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(resource: &Resource) -> String {
        let mut bytes = Vec::new();
        resource.write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Attributes {
        auto_apply: bool,
        description: Option<&'static str>,
    }

    #[test]
    fn the_builder_makes_a_whole_resource() {
        let workspace = Resource::new("workspaces", "ws-1")
            .attributes(&Attributes { auto_apply: true, description: None })
            .attribute("name", "one")
            .relation("organization", Relationship::to_one("organizations", "acme"))
            .relation("current-run", Relationship::to_none())
            .link("self", "/api/v2/organizations/acme/workspaces/one")
            .meta(serde_json::json!({"seen": 1}));
        assert_eq!(
            json(&workspace),
            concat!(
                r#"{"type":"workspaces","id":"ws-1","#,
                r#""attributes":{"auto-apply":true,"description":null,"name":"one"},"#,
                r#""relationships":{"organization":{"data":{"type":"organizations","id":"acme"}},"#,
                r#""current-run":{"data":null}},"#,
                r#""links":{"self":"/api/v2/organizations/acme/workspaces/one"},"#,
                r#""meta":{"seen":1}}"#,
            )
        );
    }

    #[test]
    fn a_relationship_of_the_same_name_takes_the_place_of_the_other() {
        let run = Resource::new("runs", "run-1")
            .relation("plan", Relationship::to_none())
            .relation("apply", Relationship::to_none())
            .relation("plan", Relationship::to_one("plans", "plan-1"));
        assert_eq!(
            json(&run),
            concat!(
                r#"{"type":"runs","id":"run-1","attributes":{},"relationships":{"#,
                r#""plan":{"data":{"type":"plans","id":"plan-1"}},"apply":{"data":null}}}"#,
            )
        );
    }

    #[test]
    fn a_bare_resource_still_has_attributes() {
        let bare = Resource::new("organization-capacity", "acme");
        assert_eq!(json(&bare), r#"{"type":"organization-capacity","id":"acme","attributes":{}}"#);
    }

    #[test]
    #[should_panic(expected = "no JSON object")]
    fn attributes_that_are_no_object_are_a_mistake() {
        let _ = Resource::new("workspaces", "ws-1").attributes(&1);
    }
}
