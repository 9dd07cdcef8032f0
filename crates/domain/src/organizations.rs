//! Organizations.

use crate::ids::{OrganizationId, ProjectId};
use crate::time::Timestamp;

/// An organization: the owner of everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The `external-id`.
    pub id: OrganizationId,
    /// Letters, digits, `-`, `_`; unique; the JSON:API id.
    pub name: String,
    /// Address for notices.
    pub email: String,
    /// The project of workspaces that name none.
    pub default_project_id: ProjectId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether `name` may name an organization or a workspace.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 90
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
