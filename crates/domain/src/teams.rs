//! Teams: the carriers of rights.

use crate::access::{OrganizationAccess, TeamFacts};
use crate::ids::{OrganizationId, TeamId};
use crate::time::Timestamp;

/// Name of the team that has every right.
pub const OWNERS: &str = "owners";

words! {
    /// Who sees a team.
    pub enum TeamVisibility {
        /// Its members, and who may see all.
        Secret = "secret",
        /// Every member of the organization.
        Organization = "organization",
    }
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Identifier.
    pub id: TeamId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Unique in the organization.
    pub name: String,
    /// Who sees it.
    pub visibility: TeamVisibility,
    /// Its name at the provider of single sign-on.
    pub sso_team_id: Option<String>,
    /// What it may do in the whole organization.
    pub organization_access: OrganizationAccess,
    /// Whether its members may manage its tokens.
    pub allow_member_token_management: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Team {
    /// Whether it is the team that has every right, which always exists and has no other settings.
    pub fn is_owners(&self) -> bool {
        self.name == OWNERS
    }

    /// What the decision needs to know.
    pub fn facts(&self) -> TeamFacts<'_> {
        TeamFacts {
            id: &self.id,
            is_owners: self.is_owners(),
            is_secret: self.visibility == TeamVisibility::Secret,
            allows_member_tokens: self.allow_member_token_management,
        }
    }
}
