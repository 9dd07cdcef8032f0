//! Links that make one invited person a member: told once, used once.

use std::time::Duration;

use serde_json::json;
use terrane_domain::access::{Caller, CredentialKind, Principal};
use terrane_domain::ids::UserId;
use terrane_domain::organization_memberships::OrganizationMembership;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_domain::users::{User, is_username};
use terrane_store::{Tx, organization_memberships as store};

use crate::account::check_password;
use crate::callers::{Secret, new_token};
use crate::sessions::{self, Arrival};
use crate::{App, AppError, AppResult, events, passwords, tokens};

/// How long a link can be used.
const INVITATION_TIME: Duration = Duration::from_hours(7 * 24);

/// What a link invites to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The organization's name.
    pub organization: String,
    /// The address that was invited.
    pub email: String,
}

/// Makes the link of a membership that is not accepted yet.
pub(super) async fn make(tx: &mut Tx, caller: &Caller, membership: &OrganizationMembership) -> AppResult<Secret> {
    let (mut token, secret) = new_token(tx, TokenKind::Invitation, "invitation");
    token.user_id = Some(membership.user_id.clone());
    token.organization_id = Some(membership.organization_id.clone());
    token.created_by = tokens::creator(caller);
    token.expires_at = Some(tx.now().plus(INVITATION_TIME));
    terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
    Ok(secret)
}

async fn find(tx: &mut Tx, secret: &Secret) -> AppResult<(Token, OrganizationMembership)> {
    let now = tx.now();
    let token = terrane_store::tokens::by_secret(tx, secret.reveal())
        .await?
        .filter(|token| token.kind == TokenKind::Invitation)
        .filter(|token| token.expires_at.is_some_and(|expiry| expiry > now))
        .ok_or(AppError::NotFound)?;
    let (Some(organization_id), Some(user_id)) = (&token.organization_id, &token.user_id) else {
        return Err(AppError::NotFound);
    };
    let membership = store::by_user(tx, organization_id, user_id).await?.ok_or(AppError::NotFound)?;
    Ok((token, membership))
}

/// What the link invites to, as long as it can be used.
pub async fn invitation(app: &App, secret: Secret) -> AppResult<Invitation> {
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (_, membership) = find(tx, &secret).await?;
                let organization = terrane_store::organizations::by_id(tx, &membership.organization_id).await?;
                let organization = organization.ok_or(AppError::NotFound)?.name;
                Ok(Invitation { organization, email: membership.email })
            })
        })
        .await
}

fn check_username(username: &str) -> AppResult<()> {
    if is_username(username) {
        return Ok(());
    }
    let detail = "Username may only contain letters, numbers, dashes and underscores, at most 60 of them";
    Err(AppError::invalid("username", detail))
}

/// Accepts an invitation under a new account of this name, which it answers; works once.
pub async fn accept(app: &App, secret: Secret, username: String) -> AppResult<User> {
    check_username(&username)?;
    app.store.write(move |tx| Box::pin(async move { accept_in(tx, &secret, &username).await })).await
}

/// Accepts an invitation under a new account of this name and password, and signs the person in; works once.
pub async fn sign_up(
    app: &App,
    secret: Secret,
    username: String,
    password: Secret,
    arrival: Arrival,
) -> AppResult<Secret> {
    app.guesses.count_address(arrival.address, app.store.now())?;
    // Nobody without a link makes the server hash passwords.
    invitation(app, secret.clone()).await?;
    check_username(&username)?;
    check_password(&password)?;
    let hash = passwords::hash(app, password).await?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let user = accept_in(tx, &secret, &username).await?;
                if !terrane_store::users::set_password_hash(tx, &user.id, None, hash).await? {
                    return Err(AppError::NotFound);
                }
                sessions::begin(tx, &user.id, "invitation", arrival).await
            })
        })
        .await
}

async fn accept_in(tx: &mut Tx, secret: &Secret, username: &str) -> AppResult<User> {
    let (token, membership) = find(tx, secret).await?;
    let user_id = membership.user_id.clone();
    let in_use = AppError::if_taken("username", "Username has already been taken");
    if !terrane_store::users::set_username(tx, &user_id, username).await.map_err(in_use)? {
        return Err(AppError::NotFound);
    }
    join(tx, &token, membership, &user_id).await?;
    terrane_store::users::by_id(tx, &user_id).await?.ok_or(AppError::NotFound)
}

/// Accepts an invitation under the account of the caller, who is signed in; works once.
pub async fn accept_as(app: &App, caller: &Caller, secret: Secret) -> AppResult<()> {
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (token, membership) = find(tx, &secret).await?;
                let organization_id = membership.organization_id.clone();
                if store::by_user(tx, &organization_id, &user_id).await?.is_some() {
                    return Err(AppError::Conflict("You are a member of this organization already".to_owned()));
                }
                let placeholder = membership.user_id.clone();
                terrane_store::teams::hand_over(tx, &organization_id, &placeholder, &user_id).await?;
                join(tx, &token, membership, &user_id).await?;
                terrane_store::users::remove_placeholder(tx, &placeholder).await?;
                Ok(())
            })
        })
        .await
}

async fn join(tx: &mut Tx, token: &Token, membership: OrganizationMembership, user_id: &UserId) -> AppResult<()> {
    let is_first = terrane_store::tokens::remove(tx, &token.id).await?;
    if !is_first || !store::activate(tx, &membership.id, user_id).await? {
        return Err(AppError::NotFound);
    }
    let actor =
        Caller { kind: CredentialKind::Session, principal: Principal::User(user_id.clone()), token_id: None }.actor();
    let details = json!({ "email": membership.email, "user": user_id });
    let (id, action) = (&membership.organization_id, "organization-membership.accept");
    Ok(events::record_by(tx, actor, id, action, membership.id.as_str(), details).await?)
}
