//! The tokens of an organization itself: the one that acts for it, and the one that reads its audit trail. Source:
//! `api-docs/organization-tokens.mdx`, `audit-trails-tokens.mdx`.

use terrane_domain::access::{Action, Caller};
use terrane_domain::tokens::TokenKind;
use terrane_store::Tx;

use crate::lookups::{self, Place};
use crate::tokens::{NewToken, TokenView, record};
use crate::{App, AppError, AppResult};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationTokenKind {
    /// Acts for the organization.
    Organization,
    /// Reads the audit trail and nothing else.
    AuditTrails,
}

impl From<OrganizationTokenKind> for TokenKind {
    fn from(kind: OrganizationTokenKind) -> Self {
        match kind {
            OrganizationTokenKind::Organization => Self::Organization,
            OrganizationTokenKind::AuditTrails => Self::AuditTrails,
        }
    }
}

async fn look_up(tx: &mut Tx, caller: &Caller, organization: &str) -> AppResult<Place> {
    Ok(lookups::organization(tx, caller, organization, Action::ManageOrganizationToken).await?.into_inner())
}

async fn find(tx: &mut Tx, place: &Place, kind: OrganizationTokenKind) -> AppResult<TokenView> {
    let found = terrane_store::tokens::of_organization(tx, &place.organization.id, kind.into()).await?.pop();
    let token = found.ok_or(AppError::NotFound)?;
    Ok(TokenView { token, organization: Some(place.organization.name.clone()), secret: None })
}

/// The organization's token of a kind.
pub async fn read(app: &App, caller: &Caller, organization: &str, kind: OrganizationTokenKind) -> AppResult<TokenView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = look_up(tx, &caller, &organization).await?;
                find(tx, &place, kind).await
            })
        })
        .await
}

/// Makes the organization's token of a kind; an earlier one ends.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    kind: OrganizationTokenKind,
    new: NewToken,
) -> AppResult<TokenView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = look_up(tx, &caller, &organization).await?;
                let (mut token, secret) = NewToken { description: None, ..new }.make(tx, &caller, kind.into())?;
                token.organization_id = Some(place.organization.id.clone());
                terrane_store::tokens::remove_of_organization(tx, &place.organization.id, kind.into()).await?;
                let raced = AppError::if_taken("token", "Another token was made at this moment; try again");
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await.map_err(raced)?;
                record(tx, &caller, &token, "create").await?;
                Ok(TokenView { token, organization: Some(place.organization.name), secret: Some(secret) })
            })
        })
        .await
}

/// Ends the organization's token of a kind at once.
pub async fn delete(app: &App, caller: &Caller, organization: &str, kind: OrganizationTokenKind) -> AppResult<()> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = look_up(tx, &caller, &organization).await?;
                let token = find(tx, &place, kind).await?.token;
                if !terrane_store::tokens::remove(tx, &token.id).await? {
                    return Err(AppError::NotFound);
                }
                record(tx, &caller, &token, "delete").await
            })
        })
        .await
}
