//! Teams as callers see them.

use serde_json::json;
use terrane_domain::access::{Action, Caller, GrantedAccess, OrganizationPermission, Target, visible_teams};
use terrane_domain::ids::TeamId;
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::teams::{Team, TeamVisibility, is_team_name};
use terrane_domain::users::User;
use terrane_store::Tx;

pub use terrane_store::teams::TeamFilter;

use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// A team as documents and pages show it.
#[derive(Debug, Clone)]
pub struct TeamView {
    /// The team.
    pub team: Team,
    /// The organization's name.
    pub organization: String,
    /// The memberships of its people, the invited ones too, oldest first.
    pub memberships: Vec<OrganizationMembership>,
    /// Its people's accounts, if they were asked for.
    pub users: Vec<User>,
    /// What the caller may do to it.
    pub permissions: Vec<Action>,
}

impl TeamView {
    /// Whether the caller may do `action` to it.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }

    /// The memberships of those who have accepted.
    pub fn members(&self) -> impl Iterator<Item = &OrganizationMembership> {
        self.memberships.iter().filter(|membership| membership.status == MembershipStatus::Active)
    }
}

/// Settings that a request may name; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct TeamSettings {
    /// Name.
    pub name: Option<String>,
    /// Who sees it.
    pub visibility: Option<TeamVisibility>,
    /// Its name at the provider of single sign-on; `Some(None)` removes it.
    pub sso_team_id: Option<Option<String>>,
    /// Rights in the organization to give or to take.
    pub organization_access: Vec<(OrganizationPermission, bool)>,
    /// Whether its members may manage its tokens.
    pub allow_member_token_management: Option<bool>,
}

/// The views of teams of one organization, by as many statements for a page of them as for one.
async fn views(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    teams: Vec<Team>,
    with_users: bool,
) -> AppResult<Vec<TeamView>> {
    let ids: Vec<_> = teams.iter().map(|team| &team.id).collect();
    let mut members = terrane_store::teams::members(tx, &ids).await?;
    let mut accounts = Vec::new();
    if with_users {
        let mut ids: Vec<_> = members.values().flatten().map(|membership| &membership.user_id).collect();
        ids.sort_unstable();
        ids.dedup();
        accounts = terrane_store::users::by_ids(tx, &ids).await?;
    }
    let view = |team: Team| {
        let memberships = members.remove(&team.id).unwrap_or_default();
        let is_in = |user: &&User| memberships.iter().any(|membership| membership.user_id == user.id);
        TeamView {
            organization: place.organization.name.clone(),
            users: accounts.iter().filter(is_in).cloned().collect(),
            memberships,
            permissions: place.actions(caller, Target::Team(team.facts())),
            team,
        }
    };
    Ok(teams.into_iter().map(view).collect())
}

async fn view(tx: &mut Tx, caller: &Caller, place: &Place, team: Team, with_users: bool) -> AppResult<TeamView> {
    views(tx, caller, place, vec![team], with_users).await?.pop().ok_or(AppError::NotFound)
}

/// One page of the teams of an organization that the caller may see, by name, with their people's accounts if `with_users`;
/// and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: TeamFilter,
    with_users: bool,
    page: (i64, i64),
) -> AppResult<(Vec<TeamView>, i64)> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let id = &place.organization.id;
                let visibility = visible_teams(&caller, id, &place.standing);
                let (teams, total) = terrane_store::teams::list(tx, id, &visibility, &filter, page).await?;
                Ok((views(tx, &caller, &place, teams, with_users).await?, total))
            })
        })
        .await
}

/// Whether the caller may see a team of the organization.
pub(crate) fn sees(place: &Place, caller: &Caller, team: &Team) -> bool {
    place.judge(caller, Action::ReadTeam, Target::Team(team.facts())).is_ok()
}

/// A team.
pub async fn read(app: &App, caller: &Caller, id: TeamId, with_users: bool) -> AppResult<TeamView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (team, place) = lookups::team(tx, &caller, &id, Action::ReadTeam).await?;
                view(tx, &caller, &place, team.into_inner(), with_users).await
            })
        })
        .await
}

fn apply_settings(team: &mut Team, settings: TeamSettings) -> AppResult<()> {
    if let Some(name) = settings.name.filter(|name| *name != team.name) {
        if team.is_owners() {
            return Err(AppError::invalid(
                "name",
                "The owners team cannot be renamed: it is known by this name; make another team instead",
            ));
        }
        if !is_team_name(&name) {
            return Err(AppError::invalid(
                "name",
                "Name may only contain letters, numbers, spaces, dashes and underscores, at most 90 of them, and no space at its ends",
            ));
        }
        team.name = name;
    }
    if let Some(visibility) = settings.visibility.filter(|visibility| *visibility != team.visibility) {
        if team.is_owners() {
            return Err(AppError::invalid(
                "visibility",
                "The visibility of the owners team cannot be changed: it stays secret",
            ));
        }
        team.visibility = visibility;
    }
    if let Some(id) = settings.sso_team_id {
        if id.as_deref().is_some_and(|id| id.len() > 255) {
            return Err(AppError::invalid("sso-team-id", "Sso team id is too long (maximum is 255 characters)"));
        }
        team.sso_team_id = id.filter(|id| !id.is_empty());
    }
    if !settings.organization_access.is_empty() {
        if team.is_owners() {
            return Err(AppError::invalid(
                "organization-access",
                "The rights of the owners team cannot be changed: it has every one; put people into another team instead",
            ));
        }
        let set = |set: GrantedAccess, (permission, is_given): &(OrganizationPermission, bool)| {
            set.set(*permission, *is_given)
        };
        team.organization_access = settings.organization_access.iter().fold(team.organization_access, set);
        let missing = |missing: terrane_domain::access::MissingPermission| {
            AppError::invalid("organization-access", missing.to_string())
        };
        team.organization_access.check().map_err(missing)?;
    }
    team.allow_member_token_management =
        settings.allow_member_token_management.unwrap_or(team.allow_member_token_management);
    Ok(())
}

fn details(team: &Team) -> serde_json::Value {
    json!({
        "name": team.name,
        "visibility": team.visibility,
        "organization-access": team.organization_access.to_string(),
    })
}

/// Makes a team.
pub async fn create(app: &App, caller: &Caller, organization: &str, settings: TeamSettings) -> AppResult<TeamView> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::CreateTeam).await?;
                let mut team = Team {
                    id: TeamId::from_entropy(entropy()),
                    organization_id: place.organization.id.clone(),
                    name: String::new(),
                    visibility: TeamVisibility::Secret,
                    sso_team_id: None,
                    organization_access: GrantedAccess::NONE,
                    allow_member_token_management: true,
                    created_at: tx.now(),
                };
                if settings.name.is_none() {
                    return Err(AppError::invalid("name", "Name can't be blank"));
                }
                apply_settings(&mut team, settings)?;
                if place.judge(&caller, Action::UpdateTeam, Target::Team(team.facts())).is_err() {
                    let detail = "Visibility must be organization: this token may not see secret teams";
                    return Err(AppError::invalid("visibility", detail));
                }
                if team.organization_access != GrantedAccess::NONE {
                    let _ = place.judge(&caller, Action::UpdateTeamAccess, Target::Team(team.facts()))?;
                }
                let taken = AppError::if_taken("name", "Name has already been taken");
                terrane_store::teams::insert(tx, &team).await.map_err(taken)?;
                let id = &team.organization_id;
                events::record(tx, &caller, id, "team.create", team.id.as_str(), details(&team)).await?;
                view(tx, &caller, &place, team, false).await
            })
        })
        .await
}

/// Changes settings.
pub async fn update(app: &App, caller: &Caller, id: TeamId, settings: TeamSettings) -> AppResult<TeamView> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (team, place) = lookups::held_team(tx, &caller, &id, Action::UpdateTeam).await?;
                if !settings.organization_access.is_empty() {
                    let _ = place.judge(&caller, Action::UpdateTeamAccess, Target::Team(team.facts()))?;
                }
                let mut team = team.into_inner();
                apply_settings(&mut team, settings)?;
                let taken = AppError::if_taken("name", "Name has already been taken");
                terrane_store::teams::update(tx, &team).await.map_err(taken)?;
                let organization_id = &team.organization_id;
                events::record(tx, &caller, organization_id, "team.update", id.as_str(), details(&team)).await?;
                view(tx, &caller, &place, team.into_inner(), false).await
            })
        })
        .await
}

/// Removes a team, its access and its tokens. The team of owners always stays.
pub async fn delete(app: &App, caller: &Caller, id: TeamId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (team, _) = lookups::team(tx, &caller, &id, Action::UpdateTeam).await?;
                if team.is_owners() {
                    return Err(AppError::Forbidden(
                        "The owners team cannot be deleted: an organization always has owners".to_owned(),
                    ));
                }
                terrane_store::teams::remove(tx, &id).await?;
                events::record(tx, &caller, &team.organization_id, "team.delete", id.as_str(), details(&team)).await?;
                Ok(())
            })
        })
        .await
}
