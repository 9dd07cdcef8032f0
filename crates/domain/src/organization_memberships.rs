//! Memberships of people in organizations.

use crate::ids::{OrganizationId, OrganizationMembershipId, UserId};
use crate::time::Timestamp;

words! {
    /// How far a membership has come.
    pub enum MembershipStatus {
        /// The person has not accepted yet.
        Invited = "invited",
        /// A member.
        Active = "active",
    }
}

/// A person's membership in an organization; who has none has no right there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationMembership {
    /// Identifier.
    pub id: OrganizationMembershipId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The person; an account without a name for who was invited and has none yet.
    pub user_id: UserId,
    /// The address that was invited, or the account's when the organization was made.
    pub email: String,
    /// How far it has come.
    pub status: MembershipStatus,
    /// When it was made.
    pub created_at: Timestamp,
}
