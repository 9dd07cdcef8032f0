//! Relationships of a resource to others.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::links::Links;

/// What names a resource: its type and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Identifier {
    /// The type, such as `workspaces`.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The id, unique within its type.
    pub id: String,
}

impl Identifier {
    /// Names a resource.
    pub fn new(kind: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

/// The `data` of a relationship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Linkage {
    /// At most one resource; `None` is null on the wire.
    One(Option<Identifier>),
    /// Any number of resources.
    Many(Vec<Identifier>),
}

/// How a resource relates to one or many others.
#[must_use]
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Relationship {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Linkage>,
    #[serde(skip_serializing_if = "Links::is_empty")]
    links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

impl Relationship {
    /// Relates to one resource.
    pub fn to_one(kind: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self::with_data(Linkage::One(Some(Identifier::new(kind, id))))
    }

    /// Relates to one resource or, as `null`, to none.
    pub fn to_optional(kind: impl Into<Cow<'static, str>>, id: Option<impl Into<String>>) -> Self {
        Self::with_data(Linkage::One(id.map(|id| Identifier::new(kind, id))))
    }

    /// Relates to none: `null`.
    pub fn to_none() -> Self {
        Self::with_data(Linkage::One(None))
    }

    /// Relates to resources of one type, in the given order.
    pub fn to_many<Id: Into<String>>(kind: &'static str, ids: impl IntoIterator<Item = Id>) -> Self {
        Self::with_data(Linkage::Many(ids.into_iter().map(|id| Identifier::new(kind, id)).collect()))
    }

    /// Relates to resources of several types, in the given order.
    pub fn to_identifiers(identifiers: Vec<Identifier>) -> Self {
        Self::with_data(Linkage::Many(identifiers))
    }

    /// Says only where to read the related resources.
    pub fn related(address: impl Into<String>) -> Self {
        Self::default().link("related", address)
    }

    /// Relates by the given linkage.
    pub fn with_data(data: Linkage) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// Adds a link, such as `related`.
    pub fn link(mut self, name: impl Into<Cow<'static, str>>, address: impl Into<String>) -> Self {
        self.links.set(name, Some(address.into()));
        self
    }

    /// Sets facts about the relationship that are no attribute.
    pub fn meta(mut self, meta: impl Into<Value>) -> Self {
        self.meta = Some(meta.into());
        self
    }

    /// The linkage, where the relationship carries one.
    pub fn data(&self) -> Option<&Linkage> {
        self.data.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(relationship: &Relationship) -> String {
        serde_json::to_string(relationship).unwrap()
    }

    #[test]
    fn a_relationship_to_one_names_it_or_is_null() {
        assert_eq!(json(&Relationship::to_one("users", "user-1")), r#"{"data":{"type":"users","id":"user-1"}}"#);
        assert_eq!(json(&Relationship::to_optional("users", None::<String>)), r#"{"data":null}"#);
        assert_eq!(json(&Relationship::to_none()), r#"{"data":null}"#);
    }

    #[test]
    fn a_relationship_to_many_keeps_order_and_an_empty_list() {
        assert_eq!(
            json(&Relationship::to_many("tags", ["b", "a"])),
            r#"{"data":[{"type":"tags","id":"b"},{"type":"tags","id":"a"}]}"#
        );
        assert_eq!(json(&Relationship::to_many("tags", Vec::<String>::new())), r#"{"data":[]}"#);
    }

    #[test]
    fn a_relationship_may_have_links_alone() {
        assert_eq!(
            json(&Relationship::related("/api/v2/runs/run-1/plan")),
            r#"{"links":{"related":"/api/v2/runs/run-1/plan"}}"#
        );
    }
}
