//! Tags with a key and a value, bound to workspaces and projects. Source: `api-docs/workspaces.mdx`, tag bindings.

use crate::ids::{OrganizationId, ProjectId, TagBindingId, WorkspaceId};
use crate::time::Timestamp;

/// To what a tag is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taggable {
    /// A workspace.
    Workspace(WorkspaceId),
    /// A project; its workspaces inherit the tag.
    Project(ProjectId),
}

/// A tag with a key and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagBinding {
    /// Identifier.
    pub id: TagBindingId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace, if it is bound to one.
    pub workspace_id: Option<WorkspaceId>,
    /// The project, if it is bound to one.
    pub project_id: Option<ProjectId>,
    /// Unique where it is bound.
    pub key: String,
    /// May be empty.
    pub value: String,
    /// When it was bound.
    pub created_at: Timestamp,
    /// Its place among those that were bound at the same time.
    pub position: i64,
}

/// How many may be bound to one thing.
pub const MAX_BINDINGS: usize = 10;

/// What may be wrong with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagBindingError {
    /// No key, a long one, or one with other characters.
    #[error("Key is invalid: it may have 1 to 128 letters, digits, blanks and _ . = + - @ :")]
    Key,
    /// A key that means something of its own.
    #[error("Key may not begin with hc: or hcp:, which are reserved")]
    ReservedPrefix,
    /// A long value, or one with other characters.
    #[error("Value is invalid: it may have up to 256 letters, digits, blanks and _ . = + - @ :")]
    Value,
    /// The same key twice in one request.
    #[error("Key has already been taken by another of these tags; name each key once")]
    KeyTwice,
    /// More than there may be.
    #[error("Tag bindings cannot exceed 10 bindings per resource; take one away first")]
    TooMany,
}

fn is_plain(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.=+-@: ".contains(&byte);
    text.bytes().all(is_allowed)
}

/// Whether a key and a value may be bound.
pub fn check(key: &str, value: &str) -> Result<(), TagBindingError> {
    if !(1..=128).contains(&key.len()) || !is_plain(key) || key.trim().is_empty() {
        return Err(TagBindingError::Key);
    }
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("hc:") || lower.starts_with("hcp:") {
        return Err(TagBindingError::ReservedPrefix);
    }
    if value.len() > 256 || !is_plain(value) { Err(TagBindingError::Value) } else { Ok(()) }
}

/// A tag that counts for a thing: its own, or its project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveTagBinding {
    /// The tag.
    pub binding: TagBinding,
    /// The project from which it comes.
    pub inherited_from: Option<ProjectId>,
}

/// The tags that count for a workspace: its own, and those of its project whose key is not among them.
pub fn effective(own: Vec<TagBinding>, of_project: Vec<TagBinding>) -> Vec<EffectiveTagBinding> {
    let inherited = of_project.into_iter().filter(|binding| own.iter().all(|other| other.key != binding.key));
    let inherited: Vec<_> =
        inherited.map(|binding| EffectiveTagBinding { inherited_from: binding.project_id.clone(), binding }).collect();
    own.into_iter().map(|binding| EffectiveTagBinding { binding, inherited_from: None }).chain(inherited).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_plain_and_bounded() {
        let cases = [
            ("env", "prod", Ok(())),
            ("a_b.c=d+e-f@g:h i", "", Ok(())),
            (&"k".repeat(128), &"v".repeat(256), Ok(())),
            (&"k".repeat(129), "", Err(TagBindingError::Key)),
            ("", "v", Err(TagBindingError::Key)),
            (" ", "v", Err(TagBindingError::Key)),
            ("a/b", "v", Err(TagBindingError::Key)),
            ("a\0", "v", Err(TagBindingError::Key)),
            ("\u{e9}", "v", Err(TagBindingError::Key)),
            ("hc:a", "", Err(TagBindingError::ReservedPrefix)),
            ("HCP:a", "", Err(TagBindingError::ReservedPrefix)),
            ("hcp", "", Ok(())),
            ("k", &"v".repeat(257), Err(TagBindingError::Value)),
            ("k", "a\nb", Err(TagBindingError::Value)),
        ];
        for (key, value, expected) in cases {
            assert_eq!(check(key, value), expected, "{key:?} {value:?}");
        }
    }
}
