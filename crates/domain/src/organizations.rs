//! Organizations, their projects, and the people in them.

use crate::ids::{OrganizationId, ProjectId, TeamId, UserId};
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
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project: a group of workspaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Identifier.
    pub id: ProjectId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Unique in the organization, letter case ignored.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A person, or the service account of a team or an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Whether the person may use the administration routes.
    pub is_site_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A team: the carrier of rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Identifier.
    pub id: TeamId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Unique in the organization; `owners` has every right.
    pub name: String,
}

/// Name of the team that has every right.
pub const OWNERS: &str = "owners";

/// Name of the project that every organization starts with.
pub const DEFAULT_PROJECT: &str = "Default Project";

/// Whether `name` may name an organization or a workspace.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 90
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
