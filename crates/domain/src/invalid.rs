//! What is wrong with an attribute of a request.

/// An attribute may not have the value that is wanted for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// The attribute, as it is called in documents.
    pub attribute: &'static str,
    /// What is wrong, in the words that clients know.
    pub detail: String,
}

impl Invalid {
    /// `attribute` is wrong, because of `detail`.
    pub fn new(attribute: &'static str, detail: impl Into<String>) -> Self {
        Self { attribute, detail: detail.into() }
    }
}
