//! Browser sessions: rows of tokens of the kind `session`.

use terrane_domain::ids::{TokenId, UserId};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::Token;

use crate::error::StoreError;
use crate::statement::statements;
use crate::tokens::delete;
use crate::transaction::{Tx, values};

statements! {
    SESSIONS: Token = select "WHERE user_id = $1 AND kind = 'session' ORDER BY created_at DESC, id";
    DELETE_SESSION = "DELETE FROM tokens WHERE user_id = $1 AND kind = 'session' AND id = $2";
    DELETE_OTHER_SESSIONS = "DELETE FROM tokens WHERE user_id = $1 AND kind = 'session' AND id <> $2";
    DELETE_IDLE_SESSIONS = "DELETE FROM tokens WHERE kind = 'session' AND COALESCE(last_used_at, created_at) < $1";
}

/// A person's sessions, the newest first.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Token>, StoreError> {
    tx.all(&SESSIONS, values![*user_id]).await
}

/// Removes a session if it is this person's; tells whether it was there.
pub async fn remove(tx: &mut Tx, user_id: &UserId, id: &TokenId) -> Result<bool, StoreError> {
    Ok(delete(tx, &DELETE_SESSION, values![*user_id, *id]).await? == 1)
}

/// Removes a person's sessions but for one. Answers how many there were.
pub async fn remove_others(tx: &mut Tx, user_id: &UserId, kept: &TokenId) -> Result<u64, StoreError> {
    delete(tx, &DELETE_OTHER_SESSIONS, values![*user_id, *kept]).await
}

/// Removes sessions that nobody has used since `moment`.
pub async fn remove_idle(tx: &mut Tx, moment: Timestamp) -> Result<(), StoreError> {
    delete(tx, &DELETE_IDLE_SESSIONS, values![moment]).await.map(drop)
}
