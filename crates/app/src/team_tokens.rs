//! Tokens of teams: one without a description, and any number with one. Source: `api-docs/team-tokens.mdx`.

use std::collections::HashMap;

use terrane_domain::access::{Action, Caller, Target};
use terrane_domain::ids::{TeamId, UserId};
use terrane_domain::teams::Team;
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{Token, TokenCreator, TokenKind};
use terrane_domain::words;

use crate::tokens::{NewToken, TokenView, record};
use crate::{App, AppError, AppResult, lookups};

/// What is told when a team has a token with this description already.
pub const DESCRIPTION_TAKEN: &str = "Validation failed: Description has already been taken";

words! {
    /// What a list of team tokens is sorted by.
    pub enum TeamTokenOrder {
        /// The team's name.
        TeamName = "team-name",
        /// The name of who made it.
        CreatedBy = "created-by",
        /// When it ends; those that never end come last.
        ExpiredAt = "expired-at",
        /// When it was last used; those that never were come last.
        LastUsedAt = "last-used-at",
    }
}

/// What a list is narrowed and sorted by.
#[derive(Debug, Clone)]
pub struct TeamTokenFilter {
    /// Part of the team's name, the case of ASCII letters ignored.
    pub team_name_part: Option<String>,
    /// What it is sorted by.
    pub order: TeamTokenOrder,
    /// Whether the order is turned around.
    pub is_descending: bool,
}

/// The tokens of an organization's teams that the caller may manage.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: TeamTokenFilter,
) -> AppResult<Vec<TokenView>> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let part = filter.team_name_part.as_deref().unwrap_or_default().to_ascii_lowercase();
                let mut teams = terrane_store::teams::of_organization(tx, &place.organization.id).await?;
                teams.retain(|team| {
                    team.name.to_ascii_lowercase().contains(&part)
                        && place.judge(&caller, Action::ManageTeamTokens, Target::Team(team.facts())).is_ok()
                });
                let teams: HashMap<TeamId, Team> = teams.into_iter().map(|team| (team.id.clone(), team)).collect();
                let id = &place.organization.id;
                let mut tokens = terrane_store::tokens::of_organization(tx, id, TokenKind::Team).await?;
                tokens.retain(|token| token.team_id.as_ref().is_some_and(|id| teams.contains_key(id)));
                let people = match filter.order {
                    TeamTokenOrder::CreatedBy => terrane_store::tokens::creators_in(tx, id).await?,
                    _ => HashMap::new(),
                };
                tokens.sort_by_cached_key(|token| key(token, filter.order, &teams, &people));
                if filter.is_descending {
                    tokens.reverse();
                }
                let name = &place.organization.name;
                let view = |token| TokenView { token, organization: Some(name.clone()), secret: None };
                Ok(tokens.into_iter().map(view).collect())
            })
        })
        .await
}

/// Sorts: by a text, then by a moment, then by age and id.
type Key = (String, Timestamp, Timestamp, String);

fn key(token: &Token, order: TeamTokenOrder, teams: &HashMap<TeamId, Team>, people: &HashMap<UserId, String>) -> Key {
    let last = Timestamp::from_micros(i64::MAX);
    let (text, moment) = match (order, &token.created_by) {
        (TeamTokenOrder::TeamName, _) => {
            let team = token.team_id.as_ref().and_then(|id| teams.get(id));
            (team.map(|team| team.name.clone()).unwrap_or_default(), last)
        }
        (TeamTokenOrder::CreatedBy, Some(TokenCreator::User(id))) => {
            (people.get(id).cloned().unwrap_or_default(), last)
        }
        (TeamTokenOrder::CreatedBy, Some(TokenCreator::Team(id))) => {
            (teams.get(id).map(|team| team.name.clone()).unwrap_or_default(), last)
        }
        (TeamTokenOrder::CreatedBy, _) => (String::new(), last),
        (TeamTokenOrder::ExpiredAt, _) => (String::new(), token.expires_at.unwrap_or(last)),
        (TeamTokenOrder::LastUsedAt, _) => (String::new(), token.last_used_at.unwrap_or(last)),
    };
    (text, moment, token.created_at, token.id.to_string())
}

/// The team's token without a description.
pub async fn read(app: &App, caller: &Caller, team_id: TeamId) -> AppResult<TokenView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (_, place) = lookups::team(tx, &caller, &team_id, Action::ManageTeamTokens).await?;
                let token = terrane_store::tokens::of_team(tx, &team_id).await?.ok_or(AppError::NotFound)?;
                Ok(TokenView { token, organization: Some(place.organization.name), secret: None })
            })
        })
        .await
}

/// Makes a token for a team. Without a description it takes the place of the earlier one without.
pub async fn create(app: &App, caller: &Caller, team_id: TeamId, new: NewToken) -> AppResult<TokenView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (team, place) = lookups::team(tx, &caller, &team_id, Action::ManageTeamTokens).await?;
                let (mut token, secret) = new.make(tx, &caller, TokenKind::Team)?;
                token.team_id = Some(team_id.clone());
                token.organization_id = Some(team.organization_id.clone());
                let in_use = if token.description.is_none() {
                    terrane_store::tokens::remove_of_team(tx, &team_id).await?;
                    AppError::if_taken("token", "Another token was made at this moment; try again")
                } else {
                    AppError::if_taken("description", DESCRIPTION_TAKEN)
                };
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await.map_err(in_use)?;
                record(tx, &caller, &token, "create").await?;
                Ok(TokenView { token, organization: Some(place.organization.name), secret: Some(secret) })
            })
        })
        .await
}

/// Ends the team's token without a description at once.
pub async fn delete(app: &App, caller: &Caller, team_id: TeamId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                lookups::team(tx, &caller, &team_id, Action::ManageTeamTokens).await?;
                let token = terrane_store::tokens::of_team(tx, &team_id).await?.ok_or(AppError::NotFound)?;
                if !terrane_store::tokens::remove(tx, &token.id).await? {
                    return Err(AppError::NotFound);
                }
                record(tx, &caller, &token, "delete").await
            })
        })
        .await
}
