//! Rows of users.

use terrane_domain::ids::UserId;
use terrane_domain::users::User;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(User, "users", "$1, $2, $3, $4, $5", { id, username, email, is_site_admin, created_at });

statements! {
    INSERT: User = insert;
    BY_ID: User = select "WHERE id = $1";
    BY_NAME: User = select "WHERE username = $1";
}

/// Inserts a user.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    tx.execute(&INSERT, user.values()).await.map(drop)
}

/// The user of this id.
pub async fn by_id(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The user of this name.
pub async fn by_name(tx: &mut Tx, username: &str) -> Result<Option<User>, StoreError> {
    tx.one(&BY_NAME, values![username.to_owned()]).await
}
