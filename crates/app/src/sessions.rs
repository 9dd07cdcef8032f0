//! Browser sessions: how they begin, how they are kept, how they end.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use subtle::ConstantTimeEq as _;
use terrane_domain::access::{Caller, CredentialKind};
use terrane_domain::ids::{TokenId, UserId};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_store::{Tx, hex, random_bytes};

use crate::callers::{Secret, new_token};
use crate::passwords::{self, Verdict};
use crate::{App, AppError, AppResult, events};

/// A session ends when it was not used for this long.
pub(crate) const IDLE_TIME: Duration = Duration::from_hours(12);
/// A session ends this long after it began, whatever happens.
const WHOLE_TIME: Duration = Duration::from_hours(7 * 24);
const LINK_TIME: Duration = Duration::from_mins(30);

/// From where somebody signs in.
#[derive(Clone)]
pub struct Arrival {
    /// The address of the browser.
    pub address: IpAddr,
    /// What the browser says it is, for the list of sessions.
    pub browser: String,
    /// The session that the browser had before: it ends.
    pub previous: Option<Secret>,
}

/// Opens a session. What the browser had before ends in the same moment.
pub(crate) async fn begin(tx: &mut Tx, user_id: &UserId, how: &str, arrival: Arrival) -> AppResult<Secret> {
    if let Some(previous) = arrival.previous {
        let token = terrane_store::tokens::by_secret(tx, previous.reveal()).await?;
        if let Some(token) = token.filter(|token| token.kind == TokenKind::Session) {
            terrane_store::tokens::remove(tx, &token.id).await?;
        }
    }
    let browser: String = arrival.browser.chars().filter(|it| !it.is_control()).take(120).collect();
    let browser = if browser.is_empty() { "An unnamed browser".to_owned() } else { browser };
    let description = format!("{browser}, from {}", arrival.address.to_canonical());
    let (mut session, secret) = new_token(tx, TokenKind::Session, &description);
    session.user_id = Some(user_id.clone());
    session.expires_at = Some(tx.now().plus(WHOLE_TIME));
    terrane_store::tokens::insert(tx, &session, secret.reveal()).await?;
    let details = json!({ "session": session.id, "how": how });
    events::record_of_site(tx, format!("user {user_id}"), "session.create", user_id.as_str(), details).await?;
    Ok(secret)
}

/// Signs in with name and password. Every no is the same no, and takes the same time.
pub async fn sign_in(app: &App, username: String, password: Secret, arrival: Arrival) -> AppResult<Secret> {
    app.guesses.count_address(arrival.address, app.store.now())?;
    app.guesses.count_account(&username, app.store.now())?;
    let found = app
        .store
        .read(move |tx| {
            Box::pin(async move {
                let Some(user) = terrane_store::users::by_name(tx, &username).await? else { return Ok(None) };
                let hash = terrane_store::users::password_hash(tx, &user.id).await?;
                Ok::<_, AppError>(hash.map(|hash| (user.id, hash)))
            })
        })
        .await?;
    let verdict = passwords::verify(app, password, found.as_ref().map(|(_, hash)| hash.clone())).await?;
    let (Some((user_id, hash)), false) = (found, verdict == Verdict::Wrong) else {
        tracing::info!(address = %arrival.address, "a sign-in was refused");
        return Err(AppError::Unauthorized);
    };
    app.store
        .write(move |tx| {
            Box::pin(async move {
                // Who signs in with a password that is being changed comes too late.
                let stored = terrane_store::users::password_hash(tx, &user_id).await?;
                if stored.as_ref() != Some(&hash) {
                    return Err(AppError::Unauthorized);
                }
                if let Verdict::Outdated(new) = verdict {
                    terrane_store::users::set_password_hash(tx, &user_id, stored, new).await?;
                }
                begin(tx, &user_id, "password", arrival).await
            })
        })
        .await
}

/// Makes a link that opens one browser session. Earlier links end.
pub async fn create_sign_in_link(app: &App, user_id: UserId) -> AppResult<Secret> {
    create_link(app, TokenKind::SignIn, "sign-in link", Some(user_id)).await
}

/// Makes a link of a kind of which there is one at a time.
pub(crate) async fn create_link(
    app: &App,
    kind: TokenKind,
    description: &'static str,
    user_id: Option<UserId>,
) -> AppResult<Secret> {
    app.store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::tokens::remove_kind(tx, kind).await?;
                let (mut token, secret) = new_token(tx, kind, description);
                token.user_id = user_id;
                token.expires_at = Some(tx.now().plus(LINK_TIME));
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
                Ok(secret)
            })
        })
        .await
}

/// The token behind a link, if it can still be used.
pub(crate) async fn link(tx: &mut Tx, link: &Secret, kind: TokenKind) -> AppResult<Option<Token>> {
    let now = tx.now();
    let token = terrane_store::tokens::by_secret(tx, link.reveal()).await?;
    Ok(token.filter(|token| token.kind == kind).filter(|token| token.expires_at.is_some_and(|expiry| expiry > now)))
}

/// Uses a link up; of two who try, one may go on.
pub(crate) async fn use_link(tx: &mut Tx, secret: &Secret, kind: TokenKind) -> AppResult<Token> {
    let token = link(tx, secret, kind).await?.ok_or(AppError::Unauthorized)?;
    if !terrane_store::tokens::remove(tx, &token.id).await? {
        return Err(AppError::Unauthorized);
    }
    Ok(token)
}

/// Exchanges a sign-in link for a session; works once.
pub async fn open_link(app: &App, link: Secret, arrival: Arrival) -> AppResult<Secret> {
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let user_id = use_link(tx, &link, TokenKind::SignIn).await?.user_id.ok_or(AppError::Unauthorized)?;
                begin(tx, &user_id, "link", arrival).await
            })
        })
        .await
}

/// One of a person's sessions.
pub struct SessionView {
    /// Its token.
    pub id: TokenId,
    /// Browser and address.
    pub description: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_used_at: Timestamp,
    /// Whether it is the caller's own.
    pub is_current: bool,
}

/// The person and the session of a caller who is in one.
pub(crate) fn own(caller: &Caller) -> AppResult<(UserId, TokenId)> {
    let session = caller.token_id.clone().filter(|_| caller.kind == CredentialKind::Session);
    caller.user_id().cloned().zip(session).ok_or(AppError::NotFound)
}

/// The caller's sessions, the newest first.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Vec<SessionView>> {
    let (user_id, current) = own(caller)?;
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let now = tx.now();
                let sessions = terrane_store::sessions::of_user(tx, &user_id).await?;
                let live = sessions.into_iter().filter(|token| is_live(token, now));
                Ok(live
                    .map(|token| SessionView {
                        is_current: token.id == current,
                        description: token.description.unwrap_or_default(),
                        created_at: token.created_at,
                        last_used_at: token.last_used_at.unwrap_or(token.created_at),
                        id: token.id,
                    })
                    .collect())
            })
        })
        .await
}

/// Whether a session was used recently enough.
pub(crate) fn is_live(token: &Token, now: Timestamp) -> bool {
    let is_over = token.expires_at.is_some_and(|expiry| expiry <= now);
    !is_over && token.last_used_at.unwrap_or(token.created_at).plus(IDLE_TIME) > now
}

/// Ends one of the caller's sessions, which may be his own.
pub async fn end(app: &App, caller: &Caller, id: Option<TokenId>) -> AppResult<()> {
    let (user_id, current) = own(caller)?;
    let (actor, id) = (caller.actor(), id.unwrap_or(current));
    app.store
        .write(move |tx| {
            Box::pin(async move {
                if !terrane_store::sessions::remove(tx, &user_id, &id).await? {
                    return Err(AppError::NotFound);
                }
                let details = json!({ "session": id });
                Ok(events::record_of_site(tx, actor, "session.delete", user_id.as_str(), details).await?)
            })
        })
        .await
}

/// Ends all sessions of the caller but his own.
pub async fn end_others(app: &App, caller: &Caller) -> AppResult<()> {
    let (user_id, current) = own(caller)?;
    let actor = caller.actor();
    app.store.write(move |tx| Box::pin(async move { end_others_in(tx, actor, &user_id, &current).await })).await
}

pub(crate) async fn end_others_in(tx: &mut Tx, actor: String, user_id: &UserId, kept: &TokenId) -> AppResult<()> {
    let count = terrane_store::sessions::remove_others(tx, user_id, kept).await?;
    if count > 0 {
        let details = json!({ "count": count });
        events::record_of_site(tx, actor, "session.delete-others", user_id.as_str(), details).await?;
    }
    Ok(())
}

/// The token that a form of a page must carry: it is bound to the cookie of the browser that the page was made for.
pub fn form_token(app: &App, cookie: &Secret) -> String {
    hex(&app.store.derive_key("forms").authenticate(&[b"form", cookie.reveal().as_bytes()]))
}

/// Whether `token` is the form token of this cookie.
pub fn is_form_token(app: &App, cookie: &Secret, token: &str) -> bool {
    form_token(app, cookie).as_bytes().ct_eq(token.as_bytes()).into()
}

/// A random value for the cookie of somebody who is not signed in, to which forms are bound until then.
pub fn new_visitor() -> Secret {
    Secret::new(hex(&random_bytes::<32>()))
}
