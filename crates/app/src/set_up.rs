//! The first start of a server: nobody has an account, and whoever holds the link from the server's output makes the first.

use serde_json::json;
use terrane_domain::access::{Caller, CredentialKind, Principal};
use terrane_domain::ids::UserId;
use terrane_domain::organizations::OrganizationChange;
use terrane_domain::tokens::TokenKind;
use terrane_domain::users::User;

use crate::account::check_new_account;
use crate::callers::Secret;
use crate::sessions::{self, Arrival};
use crate::{App, AppError, AppResult, entropy, events, organizations, passwords};

/// What the first person says.
pub struct SetUp {
    /// The person's name.
    pub username: String,
    /// The person's address.
    pub email: String,
    /// The person's password.
    pub password: Secret,
    /// Name of the first organization.
    pub organization: String,
}

/// Makes a link for the set-up, good for half an hour and one use, if there is nobody yet. Earlier links end.
pub async fn create_link(app: &App) -> AppResult<Option<String>> {
    let is_anyone = app.store.read(|tx| Box::pin(async move { terrane_store::users::is_anyone(tx).await })).await?;
    if is_anyone {
        return Ok(None);
    }
    let link = sessions::create_link(app, TokenKind::SetUp, "set-up link", None).await?;
    Ok(Some(format!("{}/app/set-up/{}", app.public_url(), link.reveal())))
}

/// Whether the link can still be used.
pub async fn is_open(app: &App, link: Secret) -> AppResult<bool> {
    app.store
        .read(move |tx| Box::pin(async move { Ok(sessions::link(tx, &link, TokenKind::SetUp).await?.is_some()) }))
        .await
}

/// Makes the first person, who is site admin, and the first organization, and signs the person in.
pub async fn complete(app: &App, link: Secret, set_up: SetUp, arrival: Arrival) -> AppResult<Secret> {
    app.guesses.count_address(arrival.address, app.store.now())?;
    if !is_open(app, link.clone()).await? {
        return Err(AppError::Unauthorized);
    }
    check_new_account(&set_up.username, &set_up.email, &set_up.password)?;
    let SetUp { username, email, password, organization } = set_up;
    let hash = passwords::hash(app, password).await?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                sessions::use_link(tx, &link, TokenKind::SetUp).await?;
                if terrane_store::users::is_anyone(tx).await? {
                    return Err(AppError::Unauthorized);
                }
                let id = UserId::from_entropy(entropy());
                let user = User { id: id.clone(), username, email, is_site_admin: true, created_at: tx.now() };
                terrane_store::users::insert(tx, &user).await?;
                terrane_store::users::set_password_hash(tx, &id, None, hash).await?;
                let caller =
                    Caller { kind: CredentialKind::Session, principal: Principal::User(id.clone()), token_id: None };
                let details = json!({ "username": user.username });
                events::record_of_site(tx, caller.actor(), "user.create", id.as_str(), details).await?;
                let (name, email) = (Some(organization), Some(user.email));
                let settings = OrganizationChange { name, email, ..OrganizationChange::default() };
                organizations::create_in(tx, &caller, settings).await?;
                sessions::begin(tx, &id, "set-up", arrival).await
            })
        })
        .await
}
