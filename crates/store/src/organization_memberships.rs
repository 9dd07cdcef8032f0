//! Rows of memberships of people in organizations.

use terrane_domain::organization_memberships::OrganizationMembership;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::Tx;

record!(OrganizationMembership, "organization_memberships", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, user_id, email, status, created_at
});

statements! {
    INSERT: OrganizationMembership = insert;
}

/// Inserts a membership.
pub async fn insert(tx: &mut Tx, membership: &OrganizationMembership) -> Result<(), StoreError> {
    tx.execute(&INSERT, membership.values()).await.map(drop)
}
