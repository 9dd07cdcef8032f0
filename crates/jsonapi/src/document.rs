//! Documents: what an answer holds.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::links::Links;
use crate::members;
use crate::page::Page;
use crate::query::Query;
use crate::relationship::Identifier;
use crate::resource::Resource;

/// Bytes of a usual resource, and of what is around them: with room for them, a document is written without a move.
const RESOURCE_BYTES: usize = 4 * 1024;
const DOCUMENT_BYTES: usize = 1024;

/// The primary data of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing: `null`.
    Null,
    /// One resource.
    One(Box<Resource>),
    /// A list of resources.
    Many(Vec<Resource>),
    /// A list of names alone, as the relationship routes give.
    Identifiers(Vec<Identifier>),
}

/// A document with its primary data, what was included beside it, and facts about the whole.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    data: Data,
    included: Vec<Resource>,
    links: Links,
    meta: Map<String, Value>,
    present: Option<HashSet<Identifier>>,
}

impl Document {
    /// A document with the given primary data.
    pub fn new(data: Data) -> Self {
        Self { data, included: Vec::new(), links: Links::default(), meta: Map::new(), present: None }
    }

    /// A document of one resource.
    pub fn one(resource: Resource) -> Self {
        Self::new(Data::One(Box::new(resource)))
    }

    /// A document of nothing: `{"data":null}`.
    pub fn null() -> Self {
        Self::new(Data::Null)
    }

    /// A document of a list that is not paged.
    pub fn many(resources: Vec<Resource>) -> Self {
        Self::new(Data::Many(resources))
    }

    /// A document of names alone.
    pub fn identifiers(identifiers: Vec<Identifier>) -> Self {
        Self::new(Data::Identifiers(identifiers))
    }

    /// One page of a list of `total` resources, with its `meta.pagination` and its links. `address` is the absolute
    /// address of the list without a query.
    pub fn page(resources: Vec<Resource>, page: Page, total: u64, address: &str, query: &Query) -> Self {
        let mut document = Self::many(resources).meta("pagination", &page.pagination(total));
        document.links = page.links(address, query, total);
        document
    }

    /// One page of a list that nobody counts: it tells whether there is a next page, not how many there are.
    pub fn uncounted_page(resources: Vec<Resource>, page: Page, has_next: bool, address: &str, query: &Query) -> Self {
        let mut document = Self::many(resources).meta("pagination", &page.uncounted(has_next));
        document.links = page.uncounted_links(address, query, has_next);
        document
    }

    /// One page, cut from the whole list.
    pub fn cut(resources: Vec<Resource>, page: Page, address: &str, query: &Query) -> Self {
        let total = resources.len() as u64;
        let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let resources = resources.into_iter().skip(skip).take(page.size as usize).collect();
        Self::page(resources, page, total, address, query)
    }

    /// Adds a resource to `included`, unless it is there or is primary data already.
    pub fn include(mut self, resource: Resource) -> Self {
        let data = &self.data;
        let present = self.present.get_or_insert_with(|| match data {
            Data::One(primary) => HashSet::from([primary.identifier().clone()]),
            Data::Many(primary) => primary.iter().map(|resource| resource.identifier().clone()).collect(),
            Data::Null | Data::Identifiers(_) => HashSet::new(),
        });
        if present.insert(resource.identifier().clone()) {
            self.included.push(resource);
        }
        self
    }

    /// Adds many resources to `included`; see [`Document::include`].
    pub fn include_all(self, resources: impl IntoIterator<Item = Resource>) -> Self {
        resources.into_iter().fold(self, Self::include)
    }

    /// Adds a link, such as `self`.
    pub fn link(mut self, name: impl Into<Cow<'static, str>>, address: impl Into<String>) -> Self {
        self.links.set(name, Some(address.into()));
        self
    }

    /// Adds a fact about the whole document, such as `status-counts`.
    ///
    /// # Panics
    /// When `value` cannot be written as JSON: a mistake in the program, never in its input.
    #[track_caller]
    pub fn meta(mut self, name: &str, value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.meta.insert(name.to_owned(), value),
            Err(error) => panic!("the meta member {name} is no JSON: {error}"),
        };
        self
    }

    /// The primary data.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The document's bytes, as they go over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RESOURCE_BYTES * (self.data.len() + self.included.len()) + DOCUMENT_BYTES);
        bytes.push(b'{');
        members::write_name(&mut bytes, "data");
        match &self.data {
            Data::Null => members::write_value(&mut bytes, &()),
            Data::One(resource) => resource.write(&mut bytes),
            Data::Many(resources) => write_list(&mut bytes, resources),
            Data::Identifiers(identifiers) => members::write_value(&mut bytes, identifiers),
        }
        if !self.included.is_empty() {
            members::write_name(&mut bytes, "included");
            write_list(&mut bytes, &self.included);
        }
        if !self.links.is_empty() {
            members::write(&mut bytes, "links", &self.links);
        }
        if !self.meta.is_empty() {
            members::write(&mut bytes, "meta", &self.meta);
        }
        bytes.push(b'}');
        bytes
    }
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::One(_) => 1,
            Self::Many(resources) => resources.len(),
            Self::Identifiers(identifiers) => identifiers.len(),
        }
    }
}

fn write_list(bytes: &mut Vec<u8>, resources: &[Resource]) {
    bytes.push(b'[');
    for (index, resource) in resources.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        resource.write(bytes);
    }
    bytes.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(document: &Document) -> String {
        String::from_utf8(document.to_bytes()).unwrap()
    }

    /// With line breaks, and the names of each object in the order of letters.
    fn pretty(document: &Document) -> String {
        let value: Value = serde_json::from_slice(&document.to_bytes()).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    #[test]
    fn null_and_lists_of_names() {
        assert_eq!(json(&Document::null()), r#"{"data":null}"#);
        assert_eq!(json(&Document::many(Vec::new())), r#"{"data":[]}"#);
        assert_eq!(
            json(&Document::identifiers(vec![Identifier::new("tags", "tag-1")])),
            r#"{"data":[{"type":"tags","id":"tag-1"}]}"#
        );
    }

    #[test]
    fn nothing_is_included_twice_or_beside_itself() {
        let document = Document::one(Resource::new("runs", "run-1")).include_all([
            Resource::new("runs", "run-1"),
            Resource::new("users", "user-1"),
            Resource::new("plans", "run-1"),
            Resource::new("users", "user-1"),
        ]);
        assert_eq!(
            json(&document),
            concat!(
                r#"{"data":{"type":"runs","id":"run-1","attributes":{}},"included":["#,
                r#"{"type":"users","id":"user-1","attributes":{}},{"type":"plans","id":"run-1","attributes":{}}]}"#
            )
        );
    }

    #[test]
    fn a_page_tells_where_it_stands() {
        let query = Query::parse("search[name]=a b&page[number]=2&page[size]=1");
        let page = Page::parse(&query).unwrap();
        let document = Document::page(
            vec![Resource::new("workspaces", "ws-2")],
            page,
            3,
            "http://localhost:8080/api/v2/organizations/demo/workspaces",
            &query,
        )
        .meta("status-counts", &serde_json::json!({"total": 3, "matching": 3}));
        insta::assert_snapshot!(pretty(&document), @r#"
        {
          "data": [
            {
              "attributes": {},
              "id": "ws-2",
              "type": "workspaces"
            }
          ],
          "links": {
            "first": "http://localhost:8080/api/v2/organizations/demo/workspaces?search%5Bname%5D=a+b&page%5Bnumber%5D=1&page%5Bsize%5D=1",
            "last": "http://localhost:8080/api/v2/organizations/demo/workspaces?search%5Bname%5D=a+b&page%5Bnumber%5D=3&page%5Bsize%5D=1",
            "next": "http://localhost:8080/api/v2/organizations/demo/workspaces?search%5Bname%5D=a+b&page%5Bnumber%5D=3&page%5Bsize%5D=1",
            "prev": "http://localhost:8080/api/v2/organizations/demo/workspaces?search%5Bname%5D=a+b&page%5Bnumber%5D=1&page%5Bsize%5D=1",
            "self": "http://localhost:8080/api/v2/organizations/demo/workspaces?search%5Bname%5D=a+b&page%5Bnumber%5D=2&page%5Bsize%5D=1"
          },
          "meta": {
            "pagination": {
              "current-page": 2,
              "next-page": 3,
              "page-size": 1,
              "prev-page": 1,
              "total-count": 3,
              "total-pages": 3
            },
            "status-counts": {
              "matching": 3,
              "total": 3
            }
          }
        }
        "#);
    }
}
