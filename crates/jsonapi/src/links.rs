//! Links of documents, resources and relationships.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// Named addresses in the order they were added; an address may be null, as `prev` is on the first page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(Vec<(Cow<'static, str>, Option<String>)>);

impl Links {
    /// Adds a link; the same name again replaces its address.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, address: Option<String>) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(link) => link.1 = address,
            None => self.0.push((name, address)),
        }
    }

    /// The address of a link, if it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, address)| address.as_deref())
    }

    /// Whether there is no link at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, address)| (name, address)))
    }
}
