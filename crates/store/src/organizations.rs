//! Rows of organizations.

use terrane_domain::ids::{OrganizationId, UserId};
use terrane_domain::organizations::Organization;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
record!(Organization, "organizations", "$1, $2, $3, $4, $5", { id, name, email, default_project_id, created_at });

statements! {
    INSERT_ORGANIZATION: Organization = insert;
    BY_NAME: Organization = select "WHERE name = $1";
    BY_ID: Organization = select "WHERE id = $1";
    OF_USER: Organization = select "WHERE id IN (SELECT organization_id FROM organization_memberships WHERE user_id = $1 AND status = 'active') ORDER BY name";
}

/// Inserts an organization and makes its key.
pub async fn insert(tx: &mut Tx, organization: &Organization) -> Result<(), StoreError> {
    tx.execute(&INSERT_ORGANIZATION, organization.values()).await?;
    tx.create_organization_key(&organization.id).await
}

/// The organization of this name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_NAME, values![name.to_owned()]).await
}

/// The organization of this id.
pub async fn by_id(tx: &mut Tx, id: &OrganizationId) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The organizations that a person is a member of, by name.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Organization>, StoreError> {
    tx.all(&OF_USER, values![*user_id]).await
}
