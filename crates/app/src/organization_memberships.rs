//! Memberships of people in organizations, and the links that invite to them.

mod invitations;

use std::collections::HashMap;

use serde_json::json;
use terrane_domain::access::{Action, Authorized, Caller, Membership, Target};
use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, TeamId, UserId};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::teams::Team;
use terrane_domain::users::{User, is_email};
pub use terrane_store::organization_memberships::MembershipFilter;
use terrane_store::{Tx, organization_memberships as store};

use crate::callers::Secret;
use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events, team_members, teams};

pub use invitations::{Invitation, accept, accept_as, invitation, sign_up};

/// A membership as documents and pages show it.
#[derive(Clone)]
pub struct MembershipView {
    /// The membership.
    pub membership: OrganizationMembership,
    /// The organization's name.
    pub organization: String,
    /// The person; without a name while invited.
    pub user: User,
    /// The person's teams in the organization that the caller may see, by name.
    pub teams: Vec<Team>,
    /// The link that makes the person a member, right after it was made.
    pub invitation_url: Option<String>,
}

/// A page of an organization's memberships.
#[derive(Clone)]
pub struct MembershipPage {
    /// Its memberships.
    pub views: Vec<MembershipView>,
    /// How many the filter finds.
    pub total: i64,
    /// How many members there are, whatever the filter.
    pub active: i64,
    /// How many are invited, whatever the filter.
    pub invited: i64,
}

/// The views of memberships in one organization, by as many statements for a page of them as for one.
async fn views(
    tx: &mut Tx,
    caller: &Caller,
    place: &Place,
    rows: Vec<OrganizationMembership>,
) -> AppResult<Vec<MembershipView>> {
    let ids: Vec<&UserId> = rows.iter().map(|row| &row.user_id).collect();
    let users = terrane_store::users::by_ids(tx, &ids).await?;
    let mut users: HashMap<UserId, User> = users.into_iter().map(|user| (user.id.clone(), user)).collect();
    let in_teams = terrane_store::teams::of_users(tx, &ids).await?;
    let mut seen = terrane_store::teams::of_organization(tx, &place.organization.id).await?;
    seen.retain(|team| teams::sees(place, caller, team));
    let mut views = Vec::with_capacity(rows.len());
    for membership in rows {
        let theirs = in_teams.get(&membership.user_id).map(Vec::as_slice).unwrap_or_default();
        views.push(MembershipView {
            organization: place.organization.name.clone(),
            user: users.remove(&membership.user_id).ok_or(AppError::NotFound)?,
            teams: seen.iter().filter(|team| theirs.contains(&team.id)).cloned().collect(),
            membership,
            invitation_url: None,
        });
    }
    Ok(views)
}

/// A membership by its id.
async fn look_up(
    tx: &mut Tx,
    caller: &Caller,
    id: &OrganizationMembershipId,
    action: Action,
) -> AppResult<(Authorized<OrganizationMembership>, Place)> {
    let found = store::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
    let place = lookups::place_in_organization(tx, caller, &found.organization_id).await?;
    let allowed = place.judge(caller, action, Target::Organization)?;
    Ok((Authorized::new(found, allowed), place))
}

/// One page of an organization's memberships, oldest first; with `emails`, only those with one of these addresses.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: MembershipFilter,
    emails: Vec<String>,
    (limit, offset): (i64, i64),
) -> AppResult<MembershipPage> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ReadMembership).await?;
                let id = &place.organization.id;
                let (rows, total) = if emails.is_empty() {
                    store::list(tx, id, &filter, limit, offset).await?
                } else {
                    with_emails(tx, id, &filter, &emails, limit, offset).await?
                };
                let (mut active, mut invited) = (0, 0);
                for (status, count) in store::count_by_status(tx, id).await? {
                    match status {
                        MembershipStatus::Active => active = count,
                        MembershipStatus::Invited => invited = count,
                    }
                }
                let views = views(tx, &caller, &place, rows).await?;
                Ok(MembershipPage { views, total, active, invited })
            })
        })
        .await
}

async fn with_emails(
    tx: &mut Tx,
    id: &OrganizationId,
    filter: &MembershipFilter,
    emails: &[String],
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<OrganizationMembership>, i64)> {
    let mut rows = store::by_emails(tx, &emails.iter().collect::<Vec<_>>()).await?;
    rows.retain(|row| row.organization_id == *id && filter.status.is_none_or(|status| row.status == status));
    rows.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    rows.dedup_by(|left, right| left.id == right.id);
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or(0)).collect();
    Ok((rows, total))
}

/// The caller's own memberships, oldest first.
pub async fn own(app: &App, caller: &Caller) -> AppResult<Vec<MembershipView>> {
    let Some(user_id) = caller.user_id().cloned() else { return Ok(Vec::new()) };
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let user = terrane_store::users::by_id(tx, &user_id).await?.ok_or(AppError::NotFound)?;
                let organizations = terrane_store::organizations::of_user(tx, &user_id).await?;
                let teams = terrane_store::teams::of_user(tx, &user_id).await?;
                let mut views = Vec::new();
                for membership in store::of_user(tx, &user_id).await? {
                    let id = &membership.organization_id;
                    // Memberships that are not accepted yet are seen by their link, not here.
                    let Some(organization) = organizations.iter().find(|organization| organization.id == *id) else {
                        continue;
                    };
                    views.push(MembershipView {
                        organization: organization.name.clone(),
                        user: user.clone(),
                        teams: teams.iter().filter(|team| team.organization_id == *id).cloned().collect(),
                        membership,
                        invitation_url: None,
                    });
                }
                Ok(views)
            })
        })
        .await
}

/// A membership.
pub async fn read(app: &App, caller: &Caller, id: OrganizationMembershipId) -> AppResult<MembershipView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (found, place) = look_up(tx, &caller, &id, Action::ReadMembership).await?;
                views(tx, &caller, &place, vec![found.into_inner()]).await?.pop().ok_or(AppError::NotFound)
            })
        })
        .await
}

/// Invites a person into an organization and into teams of it. The view has the link that lets the person in: it is
/// told once, works once, and ends after a week.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    email: String,
    team_ids: Vec<TeamId>,
) -> AppResult<MembershipView> {
    if !is_email(&email) {
        return Err(AppError::invalid("email", "Email is invalid"));
    }
    let (caller, organization) = (caller.clone(), organization.to_owned());
    let (mut view, secret) = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ManageMembership).await?;
                let id = &place.organization.id;
                for team_id in &team_ids {
                    let (team, _) = lookups::team(tx, &caller, team_id, Action::ManageTeamMembers).await?;
                    if team.organization_id != *id {
                        return Err(AppError::NotFound);
                    }
                }
                if store::by_email(tx, id, &email).await?.is_some() {
                    return Err(AppError::invalid("email", "Email has already been taken"));
                }
                let membership = invite(tx, id, email).await?;
                for team_id in &team_ids {
                    terrane_store::teams::insert_member(tx, team_id, &membership.user_id).await?;
                }
                let secret = invitations::make(tx, &caller, &membership).await?;
                let details = json!({ "email": membership.email, "teams": team_ids });
                let subject = membership.id.as_str();
                events::record(tx, &caller, id, "organization-membership.create", subject, details).await?;
                let view = views(tx, &caller, &place, vec![membership]).await?.pop().ok_or(AppError::NotFound)?;
                Ok::<(MembershipView, Secret), AppError>((view, secret))
            })
        })
        .await?;
    view.invitation_url = Some(format!("{}/app/invitations/{}", app.public_url, secret.reveal()));
    Ok(view)
}

/// Holds a place for a person. It is never an account that exists already: an address alone proves nothing about who
/// owns an account, the link does.
async fn invite(tx: &mut Tx, id: &OrganizationId, email: String) -> AppResult<OrganizationMembership> {
    let user = User {
        id: UserId::from_entropy(entropy()),
        username: String::new(),
        email: email.clone(),
        is_site_admin: false,
        created_at: tx.now(),
    };
    terrane_store::users::insert(tx, &user).await?;
    let membership = OrganizationMembership {
        id: OrganizationMembershipId::from_entropy(entropy()),
        organization_id: id.clone(),
        user_id: user.id,
        email,
        status: MembershipStatus::Invited,
        created_at: tx.now(),
    };
    let taken = AppError::if_taken("email", "Email has already been taken");
    store::insert(tx, &membership).await.map_err(taken)?;
    Ok(membership)
}

/// Ends a membership: the person loses every right in the organization at once.
pub async fn delete(app: &App, caller: &Caller, id: OrganizationMembershipId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = look_up(tx, &caller, &id, Action::ManageMembership).await?;
                let organization_id = &found.organization_id;
                let all = terrane_store::teams::of_organization(tx, organization_id).await?;
                let owners = all.into_iter().find(Team::is_owners).ok_or(AppError::NotFound)?;
                terrane_store::teams::held(tx, &owners.id).await?;
                if terrane_store::teams::remove_member(tx, &owners.id, &found.user_id).await? {
                    if caller.user_id() == Some(&found.user_id) {
                        let detail =
                            "You cannot remove yourself from an organization that you own; let another owner do it";
                        return Err(AppError::Forbidden(detail.to_owned()));
                    }
                    if place.standing.membership != Membership::Owner {
                        return Err(AppError::Forbidden("Only owners can remove an owner".to_owned()));
                    }
                    team_members::require_an_owner(tx, &owners).await?;
                }
                terrane_store::teams::remove_from_all(tx, organization_id, &found.user_id).await?;
                terrane_store::tokens::remove_invitations(tx, organization_id, &found.user_id).await?;
                store::remove(tx, &id).await?;
                terrane_store::users::remove_placeholder(tx, &found.user_id).await?;
                let details = json!({ "email": found.email, "user": found.user_id });
                let action = "organization-membership.delete";
                events::record(tx, &caller, organization_id, action, id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}
