//! Rows of tokens. The secret is never stored: what is found is found by its hash.

use sha2::{Digest as _, Sha256};
use terrane_domain::ids::{RunId, TokenId};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenKind};

use crate::error::StoreError;
use crate::statement::{Record as _, Statement, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Val;
use crate::wake::Topic;

record!(Token, "tokens", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", {
    id, kind, user_id, team_id, run_id, organization_id, created_by, description, created_at, last_used_at, expires_at
});

statements! {
    INSERT = "INSERT INTO tokens (id, kind, user_id, team_id, run_id, organization_id, created_by, description, created_at, last_used_at, expires_at, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_HASH: Token = select "WHERE hash = $1";
    DELETE = "DELETE FROM tokens WHERE id = $1";
    DELETE_OF_RUN = "DELETE FROM tokens WHERE run_id = $1";
    DELETE_KIND = "DELETE FROM tokens WHERE kind = $1";
    DELETE_EXPIRED = "DELETE FROM tokens WHERE expires_at IS NOT NULL AND expires_at < $1";
}

/// Tokens hold 256 random bits: a plain hash cannot be searched.
fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Inserts a token under the hash of its secret.
pub async fn insert(tx: &mut Tx, token: &Token, secret: &str) -> Result<(), StoreError> {
    let mut values = token.values();
    values.push(crate::value::Col::val(&hash(secret)));
    tx.execute(&INSERT, values).await.map(drop)
}

/// The token with this secret, expired or not.
pub async fn by_secret(tx: &mut Tx, secret: &str) -> Result<Option<Token>, StoreError> {
    tx.one(&BY_HASH, values![hash(secret)]).await
}

async fn delete(tx: &mut Tx, statement: &'static Statement, values: Vec<Val>) -> Result<u64, StoreError> {
    let count = tx.execute(statement, values).await?;
    if count > 0 {
        tx.wake(Topic::Tokens);
    }
    Ok(count)
}

/// Removes a token; tells whether this call did it, so that a link for one use has one user.
pub async fn remove(tx: &mut Tx, id: &TokenId) -> Result<bool, StoreError> {
    Ok(delete(tx, &DELETE, values![*id]).await? == 1)
}

/// Removes the tokens of a run.
pub async fn remove_of_run(tx: &mut Tx, run_id: &RunId) -> Result<(), StoreError> {
    delete(tx, &DELETE_OF_RUN, values![*run_id]).await.map(drop)
}

/// Removes every token of a kind.
pub async fn remove_kind(tx: &mut Tx, kind: TokenKind) -> Result<(), StoreError> {
    delete(tx, &DELETE_KIND, values![kind]).await.map(drop)
}

/// Removes tokens that expired before `moment`.
pub async fn remove_expired(tx: &mut Tx, moment: Timestamp) -> Result<(), StoreError> {
    delete(tx, &DELETE_EXPIRED, values![moment]).await.map(drop)
}
