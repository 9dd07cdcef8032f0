//! Tags of workspaces that are a word and nothing more. Source: `api-docs/organization-tags.mdx`.

use crate::ids::{OrganizationId, TagId};
use crate::time::Timestamp;

/// A tag of an organization's workspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Identifier.
    pub id: TagId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Unique in the organization.
    pub name: String,
    /// When it was first used.
    pub created_at: Timestamp,
}

/// What is said of a name that is none.
pub const WRONG_NAME: &str = "Name may only contain letters, numbers, colons, hyphens and underscores, at most 255";

/// Whether `name` may name a tag.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    (1..=255).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_character_that_lists_or_addresses_use() {
        let cases = [
            ("a", true),
            ("env:prod", true),
            ("A-b_9", true),
            (&"a".repeat(255), true),
            (&"a".repeat(256), false),
            ("", false),
            ("a,b", false),
            ("a b", false),
            ("a%", false),
            ("\u{e9}", false),
            ("a\0", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_name(name), expected, "{name:?}");
        }
    }
}
