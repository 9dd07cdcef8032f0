//! Tokens: what a caller shows to be known. The secret itself is never here, only what is stored of it.

use std::fmt;
use std::str::FromStr;

use crate::ids::{OrganizationId, ParseIdError, RunId, TeamId, TokenId, UserId};
use crate::time::Timestamp;

words! {
    /// What a stored token stands for.
    pub enum TokenKind {
        /// A person's API token.
        User = "user",
        /// A browser session.
        Session = "session",
        /// A link that opens one browser session.
        SignIn = "sign-in",
        /// A link that makes one invited person a member.
        Invitation = "invitation",
        /// The link by which the first person of a new server is set up.
        SetUp = "set-up",
        /// A team.
        Team = "team",
        /// An organization.
        Organization = "organization",
        /// The reader of an organization's audit trail.
        AuditTrails = "audit-trails",
        /// One phase of one run.
        Run = "run",
        /// A runner.
        Runner = "runner",
    }
}

/// Years after which a token ends, if who made it did not say otherwise.
pub const DEFAULT_YEARS: i16 = 2;

/// Who made a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenCreator {
    /// A person.
    User(UserId),
    /// A team, by a token of its own.
    Team(TeamId),
    /// The organization, by its token.
    Organization(OrganizationId),
}

impl fmt::Display for TokenCreator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(formatter),
            Self::Team(id) => id.fmt(formatter),
            Self::Organization(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for TokenCreator {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let team = || text.parse().map(Self::Team);
        text.parse().map(Self::User).or_else(|_| team()).or_else(|_| text.parse().map(Self::Organization))
    }
}

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Identifier.
    pub id: TokenId,
    /// What it stands for.
    pub kind: TokenKind,
    /// The person, for `user`, `session`, `sign-in` and `invitation`.
    pub user_id: Option<UserId>,
    /// The team, for `team`.
    pub team_id: Option<TeamId>,
    /// The run, for `run`.
    pub run_id: Option<RunId>,
    /// The organization, for `invitation`, `team`, `organization`, `audit-trails` and `run`.
    pub organization_id: Option<OrganizationId>,
    /// Who made it.
    pub created_by: Option<TokenCreator>,
    /// For people; the one team token without a name has none.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last shown, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it stops being valid.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_made_a_token_is_read_back_from_the_id() {
        for creator in [
            TokenCreator::User(UserId::from_entropy(1)),
            TokenCreator::Team(TeamId::from_entropy(2)),
            TokenCreator::Organization(OrganizationId::from_entropy(3)),
        ] {
            assert_eq!(creator.to_string().parse(), Ok(creator));
        }
        assert!("run-1111111111111111".parse::<TokenCreator>().is_err());
    }
}
