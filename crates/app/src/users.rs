//! People as callers see them.

use terrane_domain::access::Caller;
use terrane_domain::users::User;

use crate::{App, AppError, AppResult};

/// The person behind the caller.
pub async fn account(app: &App, caller: &Caller) -> AppResult<User> {
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    app.store
        .read(move |tx| {
            Box::pin(async move { terrane_store::users::by_id(tx, &user_id).await?.ok_or(AppError::NotFound) })
        })
        .await
}
