//! From a credential to a [`Caller`]: once for each request, at the door.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use terrane_domain::access::{Caller, CredentialKind, Principal};
use terrane_domain::ids::{TokenId, UserId};
use terrane_domain::runs::Run;
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenCreator, TokenKind};
use terrane_store::{StoreError, Tx, hex, random_bytes};

use crate::{App, AppError, AppResult, entropy, sessions};

/// A revocation takes effect within this time on every server, and at once on the one that did it.
const CACHE_TIME: Duration = Duration::from_secs(1);
const CACHE_ENTRIES: usize = 10_000;

/// A token's text. It has no `Debug` and no `PartialEq`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes what a client sent.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be given to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A new API token, in the form of HCP Terraform's: 14 characters, `.atlasv1.`, 64 characters.
    fn generate() -> Self {
        Self(format!("{}.atlasv1.{}", hex(&random_bytes::<7>()), hex(&random_bytes::<32>())))
    }
}

/// Callers seen within the last second, so that a client's hundred requests do not ask the database a hundred times.
#[derive(Default)]
pub struct CallerCache {
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    caller: Caller,
    until: Timestamp,
    /// How often tokens had been removed when the caller was looked for.
    removals: u64,
}

impl CallerCache {
    fn get(&self, secret: &str, now: Timestamp, removals: u64) -> Option<Caller> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(secret).filter(|entry| entry.until > now && entry.removals == removals);
        entry.map(|entry| entry.caller.clone())
    }

    fn put(&self, secret: &str, caller: Caller, now: Timestamp, removals: u64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CACHE_ENTRIES {
            entries.clear();
        }
        entries.insert(secret.to_owned(), Entry { caller, until: now.plus(CACHE_TIME), removals });
    }
}

/// The caller who showed `secret`, or nobody if none was shown. A secret that is wrong is refused.
pub async fn authenticate(app: &App, secret: Option<Secret>) -> AppResult<Caller> {
    let Some(secret) = secret else { return Ok(Caller::anonymous()) };
    let (now, removals) = (app.store.now(), app.store.token_removals());
    if let Some(caller) = app.callers.get(secret.reveal(), now, removals) {
        return Ok(caller);
    }
    let text = secret.clone();
    let caller = app.store.read(move |tx| Box::pin(async move { find(tx, text.reveal()).await })).await?;
    let caller = caller.ok_or(AppError::Unauthorized)?;
    app.token_uses.note(&caller, now);
    app.callers.put(secret.reveal(), caller.clone(), now, removals);
    Ok(caller)
}

async fn find(tx: &mut Tx, secret: &str) -> Result<Option<Caller>, AppError> {
    let now = tx.now();
    let Some(token) = terrane_store::tokens::by_secret(tx, secret).await? else { return Ok(None) };
    if token.expires_at.is_some_and(|expiry| expiry <= now) {
        return Ok(None);
    }
    if token.kind == TokenKind::Session && !sessions::is_live(&token, now) {
        return Ok(None);
    }
    let (kind, principal) = match token.kind {
        TokenKind::User => (CredentialKind::User, token.user_id.map(Principal::User)),
        TokenKind::Session => (CredentialKind::Session, token.user_id.map(Principal::User)),
        TokenKind::Team => {
            let team = token.team_id.zip(token.organization_id);
            let principal = team.map(|(team_id, organization_id)| Principal::Team { team_id, organization_id });
            (CredentialKind::Team, principal)
        }
        TokenKind::Organization => (CredentialKind::Organization, token.organization_id.map(Principal::Organization)),
        TokenKind::AuditTrails => (CredentialKind::AuditTrails, Some(Principal::Nobody)),
        TokenKind::Runner => (CredentialKind::RunnerPool, Some(Principal::Runner(None))),
        TokenKind::Run => {
            let run = match &token.run_id {
                Some(id) => terrane_store::runs::by_id(tx, id).await?,
                None => None,
            };
            let principal = run.map(|run| Principal::Run {
                run_id: run.id,
                workspace_id: run.workspace_id,
                organization_id: run.organization_id,
            });
            (CredentialKind::Run, principal)
        }
        // Links are exchanged, never shown.
        TokenKind::SignIn | TokenKind::SetUp | TokenKind::Invitation => return Ok(None),
    };
    Ok(principal.map(|principal| Caller { kind, principal, token_id: Some(token.id) }))
}

/// A new token without an owner or an end; the caller fills in what it is for.
pub(crate) fn new_token(tx: &Tx, kind: TokenKind, description: &str) -> (Token, Secret) {
    let token = Token {
        id: TokenId::from_entropy(entropy()),
        kind,
        user_id: None,
        team_id: None,
        run_id: None,
        organization_id: None,
        created_by: None,
        description: Some(description.to_owned()),
        created_at: tx.now(),
        last_used_at: None,
        expires_at: None,
    };
    (token, Secret::generate())
}

/// Makes an API token for a person.
pub(crate) async fn create_user_token(tx: &mut Tx, user_id: &UserId, description: &str) -> Result<Secret, StoreError> {
    let (mut token, secret) = new_token(tx, TokenKind::User, description);
    token.user_id = Some(user_id.clone());
    token.created_by = Some(TokenCreator::User(user_id.clone()));
    terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
    Ok(secret)
}

/// Makes the token with which a run comes while one of its phases runs.
pub(crate) async fn create_run_token(tx: &mut Tx, run: &Run) -> Result<Secret, StoreError> {
    let (mut token, secret) = new_token(tx, TokenKind::Run, "a run");
    token.run_id = Some(run.id.clone());
    terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
    Ok(secret)
}

/// Makes `secret` the token of the server's own runner; an earlier one ends.
pub async fn set_runner_token(app: &App, secret: Secret) -> AppResult<()> {
    app.store
        .write(move |tx| {
            Box::pin(async move {
                terrane_store::tokens::remove_kind(tx, TokenKind::Runner).await?;
                let (token, _) = new_token(tx, TokenKind::Runner, "the server's own runner");
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
                Ok(())
            })
        })
        .await
}

/// Forgets tokens that can no longer be used.
pub(crate) async fn remove_expired(app: &App) -> AppResult<()> {
    app.store
        .write(|tx| {
            Box::pin(async move {
                let now = tx.now();
                terrane_store::sessions::remove_idle(tx, now.minus(sessions::IDLE_TIME)).await?;
                terrane_store::authorization_codes::remove_expired(tx, now).await?;
                Ok(terrane_store::tokens::remove_expired(tx, now).await?)
            })
        })
        .await
}
