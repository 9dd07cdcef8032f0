//! Who is in a team. Source: `api-docs/team-members.mdx`.

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, TeamId};
use terrane_domain::organization_memberships::OrganizationMembership;
use terrane_domain::teams::Team;
use terrane_store::{Tx, organization_memberships};

use crate::{App, AppError, AppResult, events, lookups};

/// How a request names people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum People {
    /// By the names of their accounts.
    Usernames(Vec<String>),
    /// By their memberships, which reaches those who have not accepted yet.
    Memberships(Vec<OrganizationMembershipId>),
}

impl People {
    /// Their memberships in the organization, and the first one who has none there.
    async fn find(&self, tx: &mut Tx, id: &OrganizationId) -> AppResult<(Vec<OrganizationMembership>, Option<String>)> {
        let (mut found, stranger) = match self {
            Self::Usernames(names) => {
                let names: Vec<_> = names.iter().collect();
                let users = terrane_store::users::by_names(tx, &names).await?;
                let ids: Vec<_> = users.iter().map(|user| &user.id).collect();
                let mut found = organization_memberships::by_users(tx, &ids).await?;
                found.retain(|membership| membership.organization_id == *id);
                let is_member = |name: &String| {
                    let user = users.iter().find(|user| user.username == *name);
                    user.is_some_and(|user| found.iter().any(|membership| membership.user_id == user.id))
                };
                let stranger = names.iter().find(|name| !is_member(name)).map(|name| (*name).clone());
                (found, stranger)
            }
            Self::Memberships(ids) => {
                let ids: Vec<_> = ids.iter().collect();
                let mut found = organization_memberships::by_ids(tx, &ids).await?;
                found.retain(|membership| membership.organization_id == *id);
                let is_there = |id: &OrganizationMembershipId| found.iter().any(|membership| membership.id == *id);
                let stranger = ids.iter().find(|id| !is_there(id)).map(ToString::to_string);
                (found, stranger)
            }
        };
        found.sort_by(|left, right| left.id.cmp(&right.id));
        Ok((found, stranger))
    }
}

async fn record(
    tx: &mut Tx,
    caller: &Caller,
    team: &Team,
    action: &str,
    people: &[OrganizationMembership],
) -> AppResult<()> {
    let users: Vec<_> = people.iter().map(|membership| &membership.user_id).collect();
    let details = json!({ "name": team.name, "users": users });
    Ok(events::record(tx, caller, &team.organization_id, action, team.id.as_str(), details).await?)
}

/// Puts people into a team; all of them must be members of the organization, or invited.
pub async fn add(app: &App, caller: &Caller, id: TeamId, people: People) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (team, _) = lookups::team(tx, &caller, &id, Action::ManageTeamMembers).await?;
                let (found, stranger) = people.find(tx, &team.organization_id).await?;
                if let Some(stranger) = stranger {
                    return Err(AppError::Invalid {
                        pointer: Some("/data".to_owned()),
                        detail: format!("{stranger} is no member of the organization; invite this person first"),
                    });
                }
                for membership in &found {
                    terrane_store::teams::insert_member(tx, &id, &membership.user_id).await?;
                }
                record(tx, &caller, &team, "team.add-members", &found).await
            })
        })
        .await
}

/// Takes people out of a team; who is not in it stays out.
pub async fn remove(app: &App, caller: &Caller, id: TeamId, people: People) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (team, _) = lookups::held_team(tx, &caller, &id, Action::ManageTeamMembers).await?;
                let (found, _) = people.find(tx, &team.organization_id).await?;
                let mut removed = Vec::new();
                for membership in found {
                    if terrane_store::teams::remove_member(tx, &id, &membership.user_id).await? {
                        removed.push(membership);
                    }
                }
                require_an_owner(tx, &team).await?;
                record(tx, &caller, &team, "team.remove-members", &removed).await
            })
        })
        .await
}

/// Refuses to leave an organization without an owner. The team must be held.
pub(crate) async fn require_an_owner(tx: &mut Tx, team: &Team) -> AppResult<()> {
    if team.is_owners() && terrane_store::teams::count_active(tx, &team.id).await? == 0 {
        return Err(AppError::Forbidden(
            "The owners team must keep at least one member; put another one in first".to_owned(),
        ));
    }
    Ok(())
}
