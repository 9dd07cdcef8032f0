//! Rows of tokens. The secret is never stored: what is found is found by its hash.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use terrane_domain::ids::{OrganizationId, RunId, TeamId, TokenId, UserId};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenKind};

use crate::error::StoreError;
use crate::statement::{Record as _, Statement, record, statements};
use crate::transaction::{Tx, values};
use crate::value::{Col, Val};
use crate::wake::Topic;

record!(Token, "tokens", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", {
    id, kind, user_id, team_id, run_id, organization_id, created_by, description, created_at, last_used_at, expires_at
});

statements! {
    INSERT = "INSERT INTO tokens (id, kind, user_id, team_id, run_id, organization_id, created_by, description, created_at, last_used_at, expires_at, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    BY_HASH: Token = select "WHERE hash = $1";
    BY_ID: Token = select "WHERE id = $1";
    TOKENS_OF_USER: Token = select "WHERE user_id = $1 AND kind = 'user' ORDER BY created_at, id";
    OF_TEAM: Token = select "WHERE team_id = $1 AND kind = 'team' AND description IS NULL";
    OF_ORGANIZATION: Token = select "WHERE organization_id = $1 AND kind = $2";
    CREATORS_IN = "SELECT id, username FROM users WHERE id IN (SELECT created_by FROM tokens WHERE organization_id = $1)";
    SET_USED = "UPDATE tokens SET last_used_at = $2 WHERE id = $1";
    DELETE_OF_TEAM = "DELETE FROM tokens WHERE team_id = $1 AND kind = 'team' AND description IS NULL";
    DELETE_OF_ORGANIZATION = "DELETE FROM tokens WHERE organization_id = $1 AND kind = $2";
    DELETE_INVITATIONS = "DELETE FROM tokens WHERE organization_id = $1 AND user_id = $2 AND kind = 'invitation'";
    DELETE = "DELETE FROM tokens WHERE id = $1";
    DELETE_OF_RUN = "DELETE FROM tokens WHERE run_id = $1";
    DELETE_KIND = "DELETE FROM tokens WHERE kind = $1";
    DELETE_EXPIRED = "DELETE FROM tokens WHERE expires_at IS NOT NULL AND expires_at < $1";
}

/// Tokens hold 256 random bits: a plain hash cannot be searched.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Inserts a token under the hash of its secret.
pub async fn insert(tx: &mut Tx, token: &Token, secret: &str) -> Result<(), StoreError> {
    let mut values = token.values();
    values.push(Col::val(&hash(secret)));
    tx.execute(&INSERT, values).await.map(drop)
}

/// The token with this secret, expired or not.
pub async fn by_secret(tx: &mut Tx, secret: &str) -> Result<Option<Token>, StoreError> {
    tx.one(&BY_HASH, values![hash(secret)]).await
}

pub(crate) async fn delete(tx: &mut Tx, statement: &'static Statement, values: Vec<Val>) -> Result<u64, StoreError> {
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

/// The token of this id.
pub async fn by_id(tx: &mut Tx, id: &TokenId) -> Result<Option<Token>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// A person's API tokens, oldest first.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Token>, StoreError> {
    tx.all(&TOKENS_OF_USER, values![*user_id]).await
}

/// The team's one token without a description.
pub async fn of_team(tx: &mut Tx, team_id: &TeamId) -> Result<Option<Token>, StoreError> {
    tx.one(&OF_TEAM, values![*team_id]).await
}

/// An organization's tokens of one kind.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId, kind: TokenKind) -> Result<Vec<Token>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id, kind]).await
}

/// Notes when a token was last shown.
pub async fn set_used(tx: &mut Tx, id: &TokenId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&SET_USED, values![*id, at]).await.map(drop)
}

/// Removes the team's token without a description; tells whether there was one.
pub async fn remove_of_team(tx: &mut Tx, team_id: &TeamId) -> Result<bool, StoreError> {
    Ok(delete(tx, &DELETE_OF_TEAM, values![*team_id]).await? == 1)
}

/// Removes an organization's tokens of one kind; tells whether there was one.
pub async fn remove_of_organization(tx: &mut Tx, id: &OrganizationId, kind: TokenKind) -> Result<bool, StoreError> {
    Ok(delete(tx, &DELETE_OF_ORGANIZATION, values![*id, kind]).await? > 0)
}

/// Removes the links that invite a person to an organization.
pub async fn remove_invitations(tx: &mut Tx, id: &OrganizationId, user_id: &UserId) -> Result<(), StoreError> {
    delete(tx, &DELETE_INVITATIONS, values![*id, *user_id]).await.map(drop)
}

/// The names of the people who made tokens of an organization and its teams.
pub async fn creators_in(tx: &mut Tx, id: &OrganizationId) -> Result<HashMap<UserId, String>, StoreError> {
    let rows = tx.rows(&CREATORS_IN, values![*id]).await?;
    rows.iter().map(|row| Ok((Col::get(row, 0)?, Col::get(row, 1)?))).collect()
}
