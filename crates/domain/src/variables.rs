//! Variables of workspaces.

use crate::ids::{OrganizationId, VariableId, WorkspaceId};
use crate::time::Timestamp;

words! {
    /// What a variable is for.
    pub enum VariableCategory {
        /// An input variable of the configuration.
        Terraform = "terraform",
        /// An environment variable of the run.
        Env = "env",
    }
}

/// A variable; its value is sealed in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Identifier.
    pub id: VariableId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
    /// For people.
    pub description: String,
    /// What it is for.
    pub category: VariableCategory,
    /// Whether the value is an HCL expression.
    pub hcl: bool,
    /// Whether the value is never shown again.
    pub sensitive: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
