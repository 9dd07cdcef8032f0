//! Rows of comments.

use terrane_domain::comments::Comment;
use terrane_domain::ids::{CommentId, RunId};

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(Comment, "comments", "$1, $2, $3, $4, $5", { id, organization_id, run_id, body, created_at });

statements! {
    INSERT: Comment = insert;
    BY_ID: Comment = select "WHERE id = $1";
    COMMENTS_OF_RUNS: Comment = select_many "run_id";
    COMMENTS_OF_RUN: Comment = select "WHERE run_id = $1 ORDER BY created_at, id";
    COUNT = "SELECT COUNT(*) FROM comments WHERE run_id = $1";
}

/// How many comments there are on a run.
pub async fn count(tx: &mut Tx, id: &RunId) -> Result<i64, StoreError> {
    Ok(tx.scalar(&COUNT, values![*id]).await?.unwrap_or(0))
}

/// Inserts a comment.
pub async fn insert(tx: &mut Tx, comment: &Comment) -> Result<(), StoreError> {
    tx.execute(&INSERT, comment.values()).await.map(drop)
}

/// The comment of this id.
pub async fn by_id(tx: &mut Tx, id: &CommentId) -> Result<Option<Comment>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The comments on several runs, in no order.
pub async fn of_runs(tx: &mut Tx, ids: &[&RunId]) -> Result<Vec<Comment>, StoreError> {
    tx.many(&COMMENTS_OF_RUNS, ids).await
}

/// The comments on a run, oldest first.
pub async fn of_run(tx: &mut Tx, id: &RunId) -> Result<Vec<Comment>, StoreError> {
    tx.all(&COMMENTS_OF_RUN, values![*id]).await
}
