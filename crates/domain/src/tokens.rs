//! Tokens: what a caller shows to be known. The secret itself is never here, only what is stored of it.

use crate::ids::{OrganizationId, RunId, TeamId, TokenId, UserId};
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

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Identifier.
    pub id: TokenId,
    /// What it stands for.
    pub kind: TokenKind,
    /// The person, for `user`, `session` and `sign-in`.
    pub user_id: Option<UserId>,
    /// The team, for `team`.
    pub team_id: Option<TeamId>,
    /// The run, for `run`.
    pub run_id: Option<RunId>,
    /// The organization, for `team`, `organization`, `audit-trails` and `run`.
    pub organization_id: Option<OrganizationId>,
    /// The person who made it.
    pub created_by: Option<UserId>,
    /// For people; the one team token without a name has none.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last shown, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it stops being valid.
    pub expires_at: Option<Timestamp>,
}
