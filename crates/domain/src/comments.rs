//! What people say about a run. Source: `api-docs/comments.mdx`.

use crate::ids::{CommentId, OrganizationId, RunId};
use crate::invalid::Invalid;
use crate::time::Timestamp;

/// The longest comment, in bytes.
pub const MAX_COMMENT_BYTES: usize = 64 * 1024;

/// The most comments on a run: documents of a run name them all.
pub const MOST_COMMENTS: i64 = 1000;

/// A comment. Who made it stands in the entry of the run's history that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Identifier.
    pub id: CommentId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The run.
    pub run_id: RunId,
    /// What was said.
    pub body: String,
    /// When.
    pub created_at: Timestamp,
}

/// Whether this can be said.
pub fn check_body(body: &str) -> Result<(), Invalid> {
    if body.trim().is_empty() {
        return Err(Invalid::new("body", "Body can't be blank"));
    }
    if body.len() > MAX_COMMENT_BYTES {
        let detail = format!("Body is too long: {} bytes, at most {MAX_COMMENT_BYTES} are kept", body.len());
        return Err(Invalid::new("body", detail));
    }
    if body.contains('\0') {
        return Err(Invalid::new("body", "Body must not hold the character NUL"));
    }
    Ok(())
}

/// Whether a run with so many comments takes another.
pub fn check_count(count: i64) -> Result<(), Invalid> {
    if count < MOST_COMMENTS {
        return Ok(());
    }
    let detail = format!("The run has {count} comments, the most that one takes; say it at another run");
    Err(Invalid::new("body", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_something_and_not_too_much() {
        for (body, is_taken) in [
            ("fine", true),
            ("größer\n", true),
            ("", false),
            (" \n", false),
            ("a\0b", false),
            (&*"x".repeat(MAX_COMMENT_BYTES), true),
            (&*"x".repeat(MAX_COMMENT_BYTES + 1), false),
        ] {
            assert_eq!(check_body(body).is_ok(), is_taken, "{:?}", &body[..body.len().min(10)]);
        }
    }
}
