//! What `terrane dev` needs to be usable at once: a person, an organization, a token.

use sha2::{Digest as _, Sha256};
use terrane_domain::access::{Caller, CredentialKind, Principal};
use terrane_domain::ids::UserId;
use terrane_domain::organizations::OrganizationChange;
use terrane_domain::users::User;
use terrane_store::{StoreError, Tx, hex, random_bytes};

use crate::callers::{Secret, authenticate, create_user_token};
use crate::passwords::{self, Verdict};
use crate::sessions::create_sign_in_link;
use crate::{App, AppResult, entropy, organizations};

/// Name of the person that `dev` makes.
pub const DEV_USER: &str = "admin";
/// Name of the organization that `dev` makes.
pub const DEV_ORGANIZATION: &str = "demo";

/// What `dev` tells its user.
pub struct DevFacts {
    /// The organization.
    pub organization: String,
    /// The person.
    pub user: String,
    /// The person's API token.
    pub token: Secret,
    /// Opens a signed-in browser session, once.
    pub sign_in_url: String,
}

/// Makes person and organization if they are missing, keeps `previous` if it is still a valid token, and makes a
/// new sign-in link.
pub async fn dev(app: &App, previous: Option<Secret>) -> AppResult<DevFacts> {
    let kept = match previous {
        Some(secret) => authenticate(app, Some(secret.clone())).await.is_ok().then_some(secret),
        None => None,
    };
    let (user_id, token) = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let user = dev_user(tx).await?;
                let caller =
                    Caller { kind: CredentialKind::User, principal: Principal::User(user.id.clone()), token_id: None };
                if terrane_store::organizations::by_name(tx, DEV_ORGANIZATION).await?.is_none() {
                    let (name, email) = (Some(DEV_ORGANIZATION.to_owned()), Some(user.email.clone()));
                    let settings = OrganizationChange { name, email, ..OrganizationChange::default() };
                    organizations::create_in(tx, &caller, settings).await?;
                }
                let token = match kept {
                    Some(token) => token,
                    None => create_user_token(tx, &user.id, "made by terrane dev").await?,
                };
                Ok::<_, crate::AppError>((user.id, token))
            })
        })
        .await?;
    let link = create_sign_in_link(app, user_id).await?;
    Ok(DevFacts {
        organization: DEV_ORGANIZATION.to_owned(),
        user: DEV_USER.to_owned(),
        token,
        sign_in_url: format!("{}/app/sign-in/{}", app.public_url(), link.reveal()),
    })
}

async fn dev_user(tx: &mut Tx) -> Result<User, StoreError> {
    if let Some(user) = terrane_store::users::by_name(tx, DEV_USER).await? {
        return Ok(user);
    }
    let user = User {
        id: UserId::from_entropy(entropy()),
        username: DEV_USER.to_owned(),
        email: "admin@localhost".to_owned(),
        is_site_admin: true,
        created_at: tx.now(),
    };
    terrane_store::users::insert(tx, &user).await?;
    Ok(user)
}

/// A password, and which stored hash it is known to be the password of.
pub struct DevPassword {
    /// The password.
    pub password: Secret,
    /// The hash's own SHA-256 in hexadecimal; empty if nobody has checked the password yet.
    pub checked_for: String,
}

/// The password of the person that `dev` made: a new one if there is none yet, `previous` if it is still the one. `None` if
/// the person has chosen another.
///
/// A check takes longer than all else of a start, and is left out where an earlier start made it.
pub async fn dev_password(app: &App, previous: Option<DevPassword>) -> AppResult<Option<DevPassword>> {
    let (user, stored) = app
        .store
        .write(|tx| {
            Box::pin(async move {
                let user = dev_user(tx).await?;
                let stored = terrane_store::users::password_hash(tx, &user.id).await?;
                Ok::<_, crate::AppError>((user, stored))
            })
        })
        .await?;
    if let Some(stored) = stored {
        let Some(previous) = previous else { return Ok(None) };
        let now = DevPassword { password: previous.password, checked_for: digest(&stored) };
        if previous.checked_for == now.checked_for {
            return Ok(Some(now));
        }
        let verdict = passwords::verify(app, now.password.clone(), Some(stored)).await?;
        return Ok((verdict != Verdict::Wrong).then_some(now));
    }
    let password = Secret::new(hex(&random_bytes::<12>()));
    let hash = passwords::hash(app, password.clone()).await?;
    let checked_for = digest(&hash);
    let is_set = app
        .store
        .write(move |tx| {
            Box::pin(async move { terrane_store::users::set_password_hash(tx, &user.id, None, hash).await })
        })
        .await?;
    Ok(is_set.then_some(DevPassword { password, checked_for }))
}

fn digest(hash: &str) -> String {
    hex(&Sha256::digest(hash.as_bytes()))
}
