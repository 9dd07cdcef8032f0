//! Rows of authorization codes. The code is never stored: what is found is found by its hash.

use terrane_domain::authorization_codes::AuthorizationCode;
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::tokens::hash;
use crate::transaction::{Tx, values};

record!(AuthorizationCode, "authorization_codes", "$1, $2, $3, $4, $5, $6", {
    user_id, session_id, redirect_uri, code_challenge, expires_at, token_expires_at
});

statements! {
    INSERT = "INSERT INTO authorization_codes (user_id, session_id, redirect_uri, code_challenge, expires_at, token_expires_at, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    TAKE = "DELETE FROM authorization_codes WHERE hash = $1 RETURNING user_id, session_id, redirect_uri, code_challenge, expires_at, token_expires_at";
    DELETE_EXPIRED = "DELETE FROM authorization_codes WHERE expires_at < $1";
}

/// Inserts a code under its hash.
pub async fn insert(tx: &mut Tx, code: &AuthorizationCode, secret: &str) -> Result<(), StoreError> {
    let mut values = code.values();
    values.push(crate::value::Col::val(&hash(secret)));
    tx.execute(&INSERT, values).await.map(drop)
}

/// Takes the code away, expired or not: of two who show it, one gets it.
pub async fn take(tx: &mut Tx, secret: &str) -> Result<Option<AuthorizationCode>, StoreError> {
    tx.one(&TAKE, values![hash(secret)]).await
}

/// Removes codes that expired before `moment`.
pub async fn remove_expired(tx: &mut Tx, moment: Timestamp) -> Result<(), StoreError> {
    tx.execute(&DELETE_EXPIRED, values![moment]).await.map(drop)
}
