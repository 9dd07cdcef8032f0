//! Rows of users.

use terrane_domain::ids::UserId;
use terrane_domain::users::User;

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::wake::Topic;

record!(User, "users", "$1, $2, $3, $4, $5", { id, username, email, is_site_admin, created_at });

statements! {
    INSERT: User = insert;
    BY_ID: User = select "WHERE id = $1";
    HELD: User = held "WHERE id = $1";
    BY_IDS: User = select_many "id";
    // The second condition is the index's: who has no name yet is not found by one.
    BY_NAME: User = select "WHERE username = $1 AND username <> ''";
    BY_NAMES: User = select_many "username <> '' AND username";
    SET_USERNAME = "UPDATE users SET username = $2 WHERE id = $1 AND username = ''";
    DELETE_PLACEHOLDER = "DELETE FROM users WHERE id = $1 AND username = '' AND NOT EXISTS (SELECT 1 FROM organization_memberships WHERE user_id = $1)";
    COUNT_ANY = "SELECT COUNT(*) FROM (SELECT id FROM users LIMIT 1) AS someone";
    UPDATE = "UPDATE users SET username = $2, email = $3, unconfirmed_email = $4 WHERE id = $1";
    UNCONFIRMED_EMAIL = "SELECT unconfirmed_email FROM users WHERE id = $1";
    PASSWORD_HASH = "SELECT password_hash FROM users WHERE id = $1";
    SET_PASSWORD_HASH = "UPDATE users SET password_hash = $2 WHERE id = $1 AND COALESCE(password_hash, '') = $3";
}

/// Inserts a user.
pub async fn insert(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    tx.execute(&INSERT, user.values()).await.map(drop)
}

/// The user of this id.
pub async fn by_id(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The user of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &UserId) -> Result<Option<Held<User>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// The user of this name.
pub async fn by_name(tx: &mut Tx, username: &str) -> Result<Option<User>, StoreError> {
    tx.one(&BY_NAME, values![username.to_owned()]).await
}

/// The users of these ids, in no order.
pub async fn by_ids(tx: &mut Tx, ids: &[&UserId]) -> Result<Vec<User>, StoreError> {
    tx.many(&BY_IDS, ids).await
}

/// The users of these names, in no order.
pub async fn by_names(tx: &mut Tx, usernames: &[&String]) -> Result<Vec<User>, StoreError> {
    tx.many(&BY_NAMES, usernames).await
}

/// Names an account that has no name yet; tells whether this call did it.
pub async fn set_username(tx: &mut Tx, id: &UserId, username: &str) -> Result<bool, StoreError> {
    tx.changed(&SET_USERNAME, values![*id, username.to_owned()]).await
}

/// Removes an account that only held the place of an invited person, unless another invitation needs it.
pub async fn remove_placeholder(tx: &mut Tx, id: &UserId) -> Result<(), StoreError> {
    if tx.changed(&DELETE_PLACEHOLDER, values![*id]).await? {
        tx.wake(Topic::Tokens);
    }
    Ok(())
}

/// Whether there is anybody at all.
pub async fn is_anyone(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.scalar::<i64>(&COUNT_ANY, Vec::new()).await?.unwrap_or(0) > 0)
}

/// Changes name and addresses.
pub async fn update(tx: &mut Tx, user: &Held<User>, unconfirmed_email: Option<String>) -> Result<(), StoreError> {
    tx.execute(&UPDATE, values![user.id, user.username, user.email, unconfirmed_email]).await.map(drop)
}

/// The address that the person wants and that nobody has confirmed yet.
pub async fn unconfirmed_email(tx: &mut Tx, id: &UserId) -> Result<Option<String>, StoreError> {
    Ok(tx.scalar::<Option<String>>(&UNCONFIRMED_EMAIL, values![*id]).await?.flatten())
}

/// What is stored of the password. It is no part of the [`User`], so that nobody gets it without asking for it.
pub async fn password_hash(tx: &mut Tx, id: &UserId) -> Result<Option<String>, StoreError> {
    Ok(tx.scalar::<Option<String>>(&PASSWORD_HASH, values![*id]).await?.flatten())
}

/// Replaces what is stored of the password, if it is still `before`.
pub async fn set_password_hash(
    tx: &mut Tx,
    id: &UserId,
    before: Option<String>,
    after: String,
) -> Result<bool, StoreError> {
    tx.changed(&SET_PASSWORD_HASH, values![*id, after, before.unwrap_or_default()]).await
}
