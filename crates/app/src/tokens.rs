//! API tokens: those of people, and any by its id. Source: `api-docs/user-tokens.mdx`.

use terrane_domain::access::{Action, Caller, CredentialKind, Principal, Target};
use terrane_domain::ids::{TokenId, UserId};
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{DEFAULT_YEARS, Token, TokenCreator, TokenKind};
use terrane_store::Tx;

use crate::callers::{Secret, new_token};
pub use crate::token_uses::store as store_uses;
use crate::{App, AppError, AppResult, events, lookups};

/// A token as documents and pages show it.
#[derive(Clone)]
pub struct TokenView {
    /// The token.
    pub token: Token,
    /// The name of its organization, if it belongs to one.
    pub organization: Option<String>,
    /// The secret itself, right after it was made.
    pub secret: Option<Secret>,
}

/// When a new token is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing was said: after two years, as HCP Terraform does it.
    Default,
    /// Never.
    Never,
    /// Then.
    At(Timestamp),
}

/// What a request says of a new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub description: Option<String>,
    /// When it ends.
    pub expiry: Expiry,
}

impl NewToken {
    /// Makes the token and its secret, for a kind and nobody yet.
    pub(crate) fn make(self, tx: &Tx, caller: &Caller, kind: TokenKind) -> AppResult<(Token, Secret)> {
        if self.description.as_deref().is_some_and(|text| text.chars().count() > 255) {
            return Err(AppError::invalid("description", "Description is too long (maximum is 255 characters)"));
        }
        let now = tx.now();
        let expires_at = match self.expiry {
            Expiry::Default => Some(now.plus_years(DEFAULT_YEARS)),
            Expiry::Never => None,
            Expiry::At(moment) if moment > now => Some(moment),
            Expiry::At(_) => return Err(AppError::invalid("expired-at", "Expired at must be in the future")),
        };
        let (mut token, secret) = new_token(tx, kind, "");
        token.description = self.description;
        token.created_by = creator(caller);
        token.expires_at = expires_at;
        Ok((token, secret))
    }
}

/// The caller as the one who makes a token.
pub(crate) fn creator(caller: &Caller) -> Option<TokenCreator> {
    match &caller.principal {
        Principal::User(id) => Some(TokenCreator::User(id.clone())),
        Principal::Team { team_id, .. } => Some(TokenCreator::Team(team_id.clone())),
        Principal::Organization(id) => Some(TokenCreator::Organization(id.clone())),
        Principal::Nobody | Principal::Run { .. } | Principal::Runner(_) => None,
    }
}

/// A person's tokens, oldest first: his own. Of another person there is nothing to see.
pub async fn list(app: &App, caller: &Caller, user_id: UserId) -> AppResult<Vec<TokenView>> {
    let is_own = caller.user_id() == Some(&user_id);
    app.store
        .read(move |tx| {
            Box::pin(async move {
                if !is_own {
                    let found = terrane_store::users::by_id(tx, &user_id).await?;
                    return found.map(|_| Vec::new()).ok_or(AppError::NotFound);
                }
                let tokens = terrane_store::tokens::of_user(tx, &user_id).await?;
                let view = |token| TokenView { token, organization: None, secret: None };
                Ok(tokens.into_iter().map(view).collect())
            })
        })
        .await
}

/// Makes a token for the caller's own account, which belongs to no organization: no event tells of it.
pub async fn create(app: &App, caller: &Caller, user_id: UserId, new: NewToken) -> AppResult<TokenView> {
    let is_person = matches!(caller.kind, CredentialKind::User | CredentialKind::Session);
    if !is_person || caller.user_id() != Some(&user_id) {
        return Err(AppError::NotFound);
    }
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (mut token, secret) = new.make(tx, &caller, TokenKind::User)?;
                token.user_id = Some(user_id);
                token.description.get_or_insert_default();
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
                Ok(TokenView { token, organization: None, secret: Some(secret) })
            })
        })
        .await
}

/// A token by its id, for who may manage it.
async fn look_up(tx: &mut Tx, caller: &Caller, id: &TokenId) -> AppResult<TokenView> {
    let token = terrane_store::tokens::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let organization = match (token.kind, &token.team_id, &token.organization_id) {
        (TokenKind::User, ..) if token.user_id.is_some() && token.user_id.as_ref() == caller.user_id() => None,
        (TokenKind::Team, Some(team_id), _) => {
            let (_, place) = lookups::team(tx, caller, team_id, Action::ManageTeamTokens).await?;
            Some(place.organization.name)
        }
        (TokenKind::Organization | TokenKind::AuditTrails, _, Some(id)) => {
            let place = lookups::place_in_organization(tx, caller, id).await?;
            let _ = place.judge(caller, Action::ManageOrganizationToken, Target::Organization)?;
            Some(place.organization.name)
        }
        _ => return Err(AppError::NotFound),
    };
    Ok(TokenView { token, organization, secret: None })
}

/// A token.
pub async fn read(app: &App, caller: &Caller, id: TokenId) -> AppResult<TokenView> {
    let caller = caller.clone();
    app.store.read(move |tx| Box::pin(async move { look_up(tx, &caller, &id).await })).await
}

/// Ends a token at once.
pub async fn delete(app: &App, caller: &Caller, id: TokenId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let token = look_up(tx, &caller, &id).await?.token;
                if !terrane_store::tokens::remove(tx, &id).await? {
                    return Err(AppError::NotFound);
                }
                record(tx, &caller, &token, "delete").await
            })
        })
        .await
}

/// Writes the event of a token that belongs to an organization.
pub(crate) async fn record(tx: &mut Tx, caller: &Caller, token: &Token, what: &str) -> AppResult<()> {
    let Some(organization_id) = &token.organization_id else { return Ok(()) };
    let details = serde_json::json!({
        "team": token.team_id,
        "description": token.description,
        "expired-at": token.expires_at,
    });
    let action = format!("{}-token.{what}", token.kind);
    Ok(events::record(tx, caller, organization_id, &action, token.id.as_str(), details).await?)
}
