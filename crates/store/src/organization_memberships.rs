//! Rows of memberships of people in organizations.

use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, UserId};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;

record!(OrganizationMembership, "organization_memberships", "$1, $2, $3, $4, $5, $6", {
    id, organization_id, user_id, email, status, created_at
});

statements! {
    INSERT: OrganizationMembership = insert;
    BY_ID: OrganizationMembership = select "WHERE id = $1";
    BY_IDS: OrganizationMembership = select_many "id";
    BY_USER: OrganizationMembership = select "WHERE organization_id = $1 AND user_id = $2";
    BY_USERS: OrganizationMembership = select_many "user_id";
    BY_EMAIL: OrganizationMembership = select "WHERE organization_id = $1 AND LOWER(email) = $2";
    BY_EMAILS: OrganizationMembership = select_many "email";
    OF_USER: OrganizationMembership = select "WHERE user_id = $1 ORDER BY created_at, id";
    // $2: part of the address or of the name in lower case, with LIKE's own characters escaped; $3: the status, or nothing.
    PAGE: OrganizationMembership = select "WHERE organization_id = $1 AND (LOWER(email) LIKE CAST($2 AS TEXT) ESCAPE '!' OR EXISTS (SELECT 1 FROM users u WHERE u.id = user_id AND LOWER(u.username) LIKE CAST($2 AS TEXT) ESCAPE '!')) AND (CAST($3 AS TEXT) IS NULL OR status = CAST($3 AS TEXT)) ORDER BY created_at, id LIMIT $4 OFFSET $5";
    PAGE_TOTAL = "SELECT COUNT(*) FROM organization_memberships WHERE organization_id = $1 AND (LOWER(email) LIKE CAST($2 AS TEXT) ESCAPE '!' OR EXISTS (SELECT 1 FROM users u WHERE u.id = user_id AND LOWER(u.username) LIKE CAST($2 AS TEXT) ESCAPE '!')) AND (CAST($3 AS TEXT) IS NULL OR status = CAST($3 AS TEXT))";
    COUNT_BY_STATUS = "SELECT status, COUNT(*) FROM organization_memberships WHERE organization_id = $1 GROUP BY status";
    ACTIVATE = "UPDATE organization_memberships SET status = 'active', user_id = $2 WHERE id = $1 AND status = 'invited'";
    DELETE = "DELETE FROM organization_memberships WHERE id = $1";
}

/// What a list is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct MembershipFilter {
    /// Part of the address or of the person's name, the case of ASCII letters ignored.
    pub part: Option<String>,
    /// How far the membership has come.
    pub status: Option<MembershipStatus>,
}

/// Inserts a membership.
pub async fn insert(tx: &mut Tx, membership: &OrganizationMembership) -> Result<(), StoreError> {
    tx.execute(&INSERT, membership.values()).await.map(drop)
}

/// The membership of this id.
pub async fn by_id(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<Option<OrganizationMembership>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The memberships of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&OrganizationMembershipId]) -> Result<Vec<OrganizationMembership>, StoreError> {
    tx.many(&BY_IDS, ids).await
}

/// A person's membership in an organization.
pub async fn by_user(
    tx: &mut Tx,
    id: &OrganizationId,
    user_id: &UserId,
) -> Result<Option<OrganizationMembership>, StoreError> {
    tx.one(&BY_USER, values![*id, *user_id]).await
}

/// These people's memberships in every organization, in no order.
pub async fn by_users(tx: &mut Tx, ids: &[&UserId]) -> Result<Vec<OrganizationMembership>, StoreError> {
    tx.many(&BY_USERS, ids).await
}

/// The membership with this address in an organization, the case of ASCII letters ignored.
pub async fn by_email(
    tx: &mut Tx,
    id: &OrganizationId,
    email: &str,
) -> Result<Option<OrganizationMembership>, StoreError> {
    tx.one(&BY_EMAIL, values![*id, email.to_ascii_lowercase()]).await
}

/// The memberships with these addresses in every organization, in no order.
pub async fn by_emails(tx: &mut Tx, emails: &[&String]) -> Result<Vec<OrganizationMembership>, StoreError> {
    tx.many(&BY_EMAILS, emails).await
}

/// A person's memberships, oldest first.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<OrganizationMembership>, StoreError> {
    tx.all(&OF_USER, values![*user_id]).await
}

/// One page of an organization's memberships, oldest first, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    filter: &MembershipFilter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<OrganizationMembership>, i64), StoreError> {
    // Only ASCII: that is what LOWER knows on both databases.
    let part = filter.part.as_deref().unwrap_or_default().to_ascii_lowercase();
    let pattern = format!("%{}%", part.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
    let shared = values![*id, pattern, filter.status];
    let total = tx.scalar(&PAGE_TOTAL, shared.clone()).await?;
    let rows = tx.all(&PAGE, [shared, values![limit, offset]].concat()).await?;
    Ok((rows, total.unwrap_or(0)))
}

/// How many memberships of an organization have come how far.
pub async fn count_by_status(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<(MembershipStatus, i64)>, StoreError> {
    let rows = tx.rows(&COUNT_BY_STATUS, values![*id]).await?;
    rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect()
}

/// Makes an invited person a member, under the account `user_id`; tells whether this call did it.
pub async fn activate(tx: &mut Tx, id: &OrganizationMembershipId, user_id: &UserId) -> Result<bool, StoreError> {
    tx.changed(&ACTIVATE, values![*id, *user_id]).await
}

/// Removes a membership.
pub async fn remove(tx: &mut Tx, id: &OrganizationMembershipId) -> Result<(), StoreError> {
    tx.execute(&DELETE, values![*id]).await.map(drop)
}
