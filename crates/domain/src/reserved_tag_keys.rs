//! Reserved tag keys. Source: `api-docs/reserved-tag-keys.mdx`.

use crate::ids::{OrganizationId, ReservedTagKeyId};
use crate::time::Timestamp;

/// A key of tags whose meaning the organization has laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedTagKey {
    /// Identifier.
    pub id: ReservedTagKeyId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The key, unique in the organization.
    pub key: String,
    /// Whether a workspace may not give a tag of its project another value.
    pub disable_overrides: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Characters of the longest key.
const LONGEST_KEY: usize = 128;

/// What is said of one that may be no key.
pub const WRONG_KEY: &str = "Key is invalid: it begins with a letter or digit, has letters, digits, blanks and _ - . : / = + @, at most 128 of them, and no blank at its end";

/// Whether `key` may be the key of a tag: letters, digits, and some marks inside it.
pub fn is_key(key: &str) -> bool {
    let is_mark = |character: char| " _-.:/=+@".contains(character);
    key.chars().count() <= LONGEST_KEY
        && key.starts_with(char::is_alphanumeric)
        && key.ends_with(|last: char| last != ' ')
        && key.chars().all(|character| character.is_alphanumeric() || is_mark(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words_with_marks_between() {
        for (key, may) in [
            ("environment", true),
            ("cost-center", true),
            ("team:owner", true),
            ("a b", true),
            ("", false),
            (" a", false),
            ("a ", false),
            ("! / nope", false),
            ("a\nb", false),
            ("a,b", false),
        ] {
            assert_eq!(is_key(key), may, "{key:?}");
        }
        assert!(is_key(&"a".repeat(128)) && !is_key(&"a".repeat(129)));
    }
}
