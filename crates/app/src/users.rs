//! People as callers see them, and the service accounts that stand for teams and organizations.

use terrane_domain::access::{Caller, Principal};
use terrane_domain::organizations::Organization;
use terrane_domain::teams::Team;
use terrane_domain::users::User;

use crate::{App, AppError, AppResult};

/// Whom a token makes its caller.
#[derive(Debug, Clone)]
pub enum Account {
    /// A person.
    Person(User),
    /// A team's service account.
    Team(Team),
    /// An organization's service account.
    Organization(Organization),
}

/// The person behind the caller.
pub async fn account(app: &App, caller: &Caller) -> AppResult<User> {
    match details(app, caller).await? {
        Account::Person(user) => Ok(user),
        Account::Team(_) | Account::Organization(_) => Err(AppError::NotFound),
    }
}

/// The account behind the caller.
pub async fn details(app: &App, caller: &Caller) -> AppResult<Account> {
    let principal = caller.principal.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = match &principal {
                    Principal::User(id) => terrane_store::users::by_id(tx, id).await?.map(Account::Person),
                    Principal::Team { team_id, .. } => {
                        terrane_store::teams::by_id(tx, team_id).await?.map(Account::Team)
                    }
                    Principal::Organization(id) => {
                        terrane_store::organizations::by_id(tx, id).await?.map(Account::Organization)
                    }
                    Principal::Nobody | Principal::Run { .. } | Principal::Runner(_) => None,
                };
                found.ok_or(AppError::NotFound)
            })
        })
        .await
}
