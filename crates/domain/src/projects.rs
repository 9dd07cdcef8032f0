//! Projects.

use crate::ids::{OrganizationId, ProjectId};
use crate::time::Timestamp;

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

/// Name of the project that every organization starts with.
pub const DEFAULT_PROJECT: &str = "Default Project";
