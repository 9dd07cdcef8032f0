//! The caller's own account: what is in it, and what its person changes of it.

use serde_json::json;
use terrane_domain::access::{Caller, CredentialKind};
use terrane_domain::ids::UserId;
use terrane_domain::users::{User, is_email, is_username, password_fault};

use crate::callers::Secret;
use crate::passwords::{self, Verdict};
use crate::{App, AppError, AppResult, events, sessions};

/// A person's own account.
#[derive(Debug, Clone)]
pub struct OwnAccount {
    /// The person.
    pub user: User,
    /// The address that the person wants, until it is confirmed.
    pub unconfirmed_email: Option<String>,
}

/// What a person changes of the account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AccountUpdate {
    /// A new name.
    pub username: Option<String>,
    /// A new address.
    pub email: Option<String>,
}

/// The caller's own account.
pub async fn read(app: &App, caller: &Caller) -> AppResult<OwnAccount> {
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let user = terrane_store::users::by_id(tx, &user_id).await?.ok_or(AppError::NotFound)?;
                let unconfirmed_email = terrane_store::users::unconfirmed_email(tx, &user_id).await?;
                Ok(OwnAccount { user, unconfirmed_email })
            })
        })
        .await
}

/// The caller, if it is a person who may change the own account.
fn person(caller: &Caller) -> AppResult<UserId> {
    let is_person = matches!(caller.kind, CredentialKind::User | CredentialKind::Session);
    caller.user_id().filter(|_| is_person).cloned().ok_or(AppError::NotFound)
}

fn check_username(username: &str) -> AppResult<()> {
    if is_username(username) {
        return Ok(());
    }
    Err(AppError::invalid("username", "Username may only contain letters, numbers, dashes and underscores, 60 at most"))
}

fn check_email(email: &str) -> AppResult<()> {
    if is_email(email) { Ok(()) } else { Err(AppError::invalid("email", "Email is not a valid address")) }
}

pub(crate) fn check_password(password: &Secret) -> AppResult<()> {
    password_fault(password.reveal()).map_or(Ok(()), |fault| Err(AppError::invalid("password", fault)))
}

/// Checks what somebody says who gets an account.
pub(crate) fn check_new_account(username: &str, email: &str, password: &Secret) -> AppResult<()> {
    check_username(username)?;
    check_email(email)?;
    check_password(password)
}

/// Changes the caller's name and address. A new address waits to be confirmed: it decides which invitations are the
/// person's. Who administers the site is believed.
pub async fn update(app: &App, caller: &Caller, update: AccountUpdate) -> AppResult<OwnAccount> {
    let (user_id, actor) = (person(caller)?, caller.actor());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let mut user = terrane_store::users::held(tx, &user_id).await?.ok_or(AppError::NotFound)?;
                let before = User::clone(&user);
                let waiting = terrane_store::users::unconfirmed_email(tx, &user_id).await?;
                let mut unconfirmed_email = waiting.clone();
                if let Some(username) = update.username {
                    check_username(&username)?;
                    user.username = username;
                }
                if let Some(email) = update.email {
                    check_email(&email)?;
                    unconfirmed_email = None;
                    if user.is_site_admin {
                        user.email = email;
                    } else if email != user.email {
                        unconfirmed_email = Some(email);
                    }
                }
                if *user != before || unconfirmed_email != waiting {
                    let in_use = AppError::if_taken("username", "Username has already been taken");
                    terrane_store::users::update(tx, &user, unconfirmed_email.clone()).await.map_err(in_use)?;
                    let details = json!({ "username": user.username, "email": user.email });
                    events::record_of_site(tx, actor, "user.update", user_id.as_str(), details).await?;
                }
                Ok(OwnAccount { user: user.into_inner(), unconfirmed_email })
            })
        })
        .await
}

/// Changes the caller's password, and ends all sessions of the person but the one that asks.
pub async fn change_password(app: &App, caller: &Caller, current: Secret, new: Secret) -> AppResult<User> {
    let (user_id, actor) = (person(caller)?, caller.actor());
    let id = user_id.clone();
    let (user, stored) = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let user = terrane_store::users::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                Ok::<_, AppError>((user, terrane_store::users::password_hash(tx, &id).await?))
            })
        })
        .await?;
    check_password(&new)?;
    // The same counter as at sign-in: a stolen token is no better place to guess.
    app.guesses.count_account(&user.username, app.store.now())?;
    if passwords::verify(app, current, stored.clone()).await? == Verdict::Wrong {
        return Err(AppError::invalid("current_password", "Current password is invalid"));
    }
    let hash = passwords::hash(app, new).await?;
    // A caller without a session keeps none: this id is nobody's session.
    let kept = caller.token_id.clone().ok_or(AppError::NotFound)?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                if !terrane_store::users::set_password_hash(tx, &user_id, stored, hash).await? {
                    return Err(AppError::Conflict("the password was changed in the meantime".to_owned()));
                }
                let subject = user_id.as_str();
                events::record_of_site(tx, actor.clone(), "user.change-password", subject, json!({})).await?;
                sessions::end_others_in(tx, actor, &user_id, &kept).await?;
                Ok(user)
            })
        })
        .await
}
