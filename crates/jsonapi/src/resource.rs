//! One resource of a document.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::links::Links;
use crate::relationship::{Identifier, Relationship};

/// A resource: what names it, its attributes, and how it relates to others.
#[must_use]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    #[serde(flatten)]
    identifier: Identifier,
    attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "in_order")]
    relationships: Vec<(Cow<'static, str>, Relationship)>,
    #[serde(skip_serializing_if = "Links::is_empty")]
    links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

impl Resource {
    /// A resource with nothing but its name.
    pub fn new(kind: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self {
            identifier: Identifier::new(kind, id),
            attributes: Map::new(),
            relationships: Vec::new(),
            links: Links::default(),
            meta: None,
        }
    }

    /// Adds the fields of a struct or map as attributes, under the names serde gives them.
    ///
    /// # Panics
    /// When `attributes` is not written as a JSON object: a mistake in the program, never in its input.
    #[track_caller]
    pub fn attributes(mut self, attributes: &impl Serialize) -> Self {
        match serde_json::to_value(attributes) {
            Ok(Value::Object(fields)) if self.attributes.is_empty() => self.attributes = fields,
            Ok(Value::Object(fields)) => self.attributes.extend(fields),
            other => panic!("the attributes of {} are no JSON object: {other:?}", self.identifier.kind),
        }
        self
    }

    /// Adds one attribute.
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
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
}

fn in_order<S: Serializer>(
    relationships: &[(Cow<'static, str>, Relationship)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(relationships.iter().map(|(name, relationship)| (name, relationship)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            .link("self", "/api/v2/organizations/acme/workspaces/one");
        insta::assert_snapshot!(serde_json::to_string_pretty(&workspace).unwrap(), @r#"
        {
          "type": "workspaces",
          "id": "ws-1",
          "attributes": {
            "auto-apply": true,
            "description": null,
            "name": "one"
          },
          "relationships": {
            "organization": {
              "data": {
                "type": "organizations",
                "id": "acme"
              }
            },
            "current-run": {
              "data": null
            }
          },
          "links": {
            "self": "/api/v2/organizations/acme/workspaces/one"
          }
        }
        "#);
    }

    #[test]
    fn a_bare_resource_still_has_attributes() {
        let json = serde_json::to_string(&Resource::new("organization-capacity", "acme")).unwrap();
        assert_eq!(json, r#"{"type":"organization-capacity","id":"acme","attributes":{}}"#);
    }

    #[test]
    #[should_panic(expected = "no JSON object")]
    fn attributes_that_are_no_object_are_a_mistake() {
        let _ = Resource::new("workspaces", "ws-1").attributes(&1);
    }
}
