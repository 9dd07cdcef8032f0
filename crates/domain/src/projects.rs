//! Projects.

use crate::execution::Execution;
pub use crate::execution::ExecutionMode;
use crate::ids::{AgentPoolId, OrganizationId, ProjectId};
use crate::organizations::Organization;
use crate::time::Timestamp;

words! {
    /// The order of a list of projects.
    #[derive(Default)]
    pub enum ProjectSort {
        /// Newest first.
        #[default]
        Newest = "-created-at",
        /// By name.
        Name = "name",
        /// By name, the last first.
        NameDescending = "-name",
    }
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
    /// For people.
    pub description: Option<String>,
    /// After how long without a change its workspaces' resources are to be destroyed, such as `14d`.
    pub auto_destroy_activity_duration: Option<String>,
    /// Where runs of its workspaces happen that do not say so themselves; `None` is as the organization says.
    pub default_execution_mode: Option<ExecutionMode>,
    /// The pool whose agents run them; only with a mode of its own.
    pub default_agent_pool_id: Option<AgentPoolId>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Name of the project that every organization starts with.
pub const DEFAULT_PROJECT: &str = "Default Project";

/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 256;

/// What is said of a name that is none.
pub const WRONG_NAME: &str =
    "Name may only contain letters, numbers, spaces, dashes and underscores, 3 to 40 of them, and no space at its ends";

/// Whether `name` may name a project.
pub fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' ');
    (3..=40).contains(&name.len()) && name.bytes().all(is_allowed) && name.trim() == name
}

impl Project {
    /// A new project with the API's defaults.
    pub const fn new(id: ProjectId, organization_id: OrganizationId, name: String, now: Timestamp) -> Self {
        Self {
            id,
            organization_id,
            name,
            description: None,
            auto_destroy_activity_duration: None,
            default_execution_mode: None,
            default_agent_pool_id: None,
            created_at: now,
        }
    }

    /// What it says itself of where runs happen.
    pub fn own_execution(&self) -> Option<Execution> {
        let agent_pool_id = self.default_agent_pool_id.clone();
        self.default_execution_mode.map(|mode| Execution { mode, agent_pool_id })
    }

    /// Where runs happen of workspaces that do not say so themselves.
    pub fn execution(&self, organization: &Organization) -> Execution {
        self.own_execution().unwrap_or_else(|| organization.execution())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        let cases = [
            ("abc", true),
            ("Default Project", true),
            ("a-b_c 1", true),
            (&"a".repeat(40), true),
            (&"a".repeat(41), false),
            ("ab", false),
            (" abc", false),
            ("abc ", false),
            ("a/bc", false),
            ("abcé", false),
            ("ab\0c", false),
            ("", false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_name(name), expected, "{name:?}");
        }
    }
}
