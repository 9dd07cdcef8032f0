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

    /// Refuses a text of more than `longest` characters.
    pub fn if_longer(attribute: &'static str, text: &str, longest: usize) -> Result<(), Self> {
        if text.chars().count() <= longest {
            return Ok(());
        }
        let name = attribute.replace('-', " ");
        let name = name.get(..1).unwrap_or_default().to_ascii_uppercase() + name.get(1..).unwrap_or_default();
        Err(Self::new(attribute, format!("{name} is too long (maximum is {longest} characters)")))
    }
}
