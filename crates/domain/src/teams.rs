//! Teams: the carriers of rights.

use crate::access::{GrantedAccess, OrganizationAccess, OrganizationPermission, TeamFacts};
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

/// Whether `name` may name a team.
pub fn is_team_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' ');
    !name.is_empty() && name.len() <= 90 && name.bytes().all(is_allowed) && name.trim() == name
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
    /// What it was given in the whole organization; owners need nothing.
    pub organization_access: GrantedAccess,
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

    /// What it may do in the whole organization.
    pub fn effective_access(&self) -> OrganizationAccess {
        if self.is_owners() {
            OrganizationPermission::ALL.iter().copied().collect()
        } else {
            self.organization_access.effective()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_teams_have_letters_digits_and_few_signs() {
        for name in ["owners", "foo bar", "Team_1-a"] {
            assert!(is_team_name(name), "{name}");
        }
        for name in ["", " ", " a", "a ", "a/b", "a\0", "ä", &"a".repeat(91)] {
            assert!(!is_team_name(name), "{name}");
        }
    }
}
