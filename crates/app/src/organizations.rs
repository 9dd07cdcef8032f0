//! Organizations as callers see them.

use terrane_domain::access::{Action, Caller, CredentialKind, GrantedAccess, Principal, Target};
use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, ProjectId, TeamId};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::organizations::{Organization, OrganizationChange};
use terrane_domain::projects::{DEFAULT_PROJECT, Project};
use terrane_domain::teams::{OWNERS, Team, TeamVisibility};
use terrane_store::{Tx, standings};

use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// What is said of a name that another has.
const NAME_TAKEN: &str = "Name has already been taken";

/// An organization as documents and pages show it.
#[derive(Debug, Clone)]
pub struct OrganizationView {
    /// The organization.
    pub organization: Organization,
    /// What the caller may do to it.
    pub permissions: Vec<Action>,
    /// Whether he may make a workspace without naming a project.
    pub may_create_workspace: bool,
}

impl OrganizationView {
    /// Whether the caller may do `action` to it.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

fn view(caller: &Caller, place: Place) -> OrganizationView {
    let default_project = Target::Project { is_default: true };
    OrganizationView {
        permissions: place.actions(caller, Target::Organization),
        may_create_workspace: place.judge(caller, Action::CreateWorkspace, default_project).is_ok(),
        organization: place.organization,
    }
}

/// What a list is narrowed by; the case of letters is ignored.
#[derive(Debug, Clone, Default)]
pub struct OrganizationFilter {
    /// Part of the name or of the address; stands above the other two.
    pub query: Option<String>,
    /// Part of the name.
    pub name: Option<String>,
    /// Part of the address.
    pub email: Option<String>,
}

impl OrganizationFilter {
    fn takes(&self, organization: &Organization) -> bool {
        let (name, email) = (organization.name.to_lowercase(), organization.email.to_lowercase());
        let is_in =
            |part: &Option<String>, text: &str| part.as_ref().is_none_or(|part| text.contains(&part.to_lowercase()));
        match &self.query {
            Some(_) => is_in(&self.query, &name) || is_in(&self.query, &email),
            None => is_in(&self.name, &name) && is_in(&self.email, &email),
        }
    }
}

/// The organization beside something of it, for who may see it itself.
pub(crate) fn view_if_visible(caller: &Caller, place: &Place) -> Option<OrganizationView> {
    let is_visible = place.judge(caller, Action::ReadOrganization, Target::Organization).is_ok();
    is_visible.then(|| view(caller, place.clone()))
}

/// The caller's organizations, by name. Tokens of teams and organizations see their own.
pub async fn list(app: &App, caller: &Caller, filter: OrganizationFilter) -> AppResult<Vec<OrganizationView>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let mut places = Vec::new();
                match &caller.principal {
                    Principal::User(user_id) => {
                        let mut standings = standings::of_user(tx, user_id).await?;
                        for organization in terrane_store::organizations::of_user(tx, user_id).await? {
                            let standing = standings.remove(&organization.id).unwrap_or_default();
                            places.push(Place { organization, standing });
                        }
                        places.retain(|place| !lookups::is_refused(&caller, &place.organization));
                    }
                    Principal::Team { organization_id: id, .. } | Principal::Organization(id) => {
                        places.push(lookups::place_in_organization(tx, &caller, id).await?);
                    }
                    _ => {}
                }
                places.retain(|place| {
                    filter.takes(&place.organization)
                        && place.judge(&caller, Action::ReadOrganization, Target::Organization).is_ok()
                });
                Ok(places.into_iter().map(|place| view(&caller, place)).collect())
            })
        })
        .await
}

/// An organization by name.
pub async fn read(app: &App, caller: &Caller, name: &str) -> AppResult<OrganizationView> {
    let (caller, name) = (caller.clone(), name.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadOrganization).await?;
                Ok(view(&caller, found.into_inner()))
            })
        })
        .await
}

/// An organization by its `external-id`.
pub async fn read_by_id(app: &App, caller: &Caller, id: OrganizationId) -> AppResult<OrganizationView> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::place_in_organization(tx, &caller, &id).await?;
                let _ = place.judge(&caller, Action::ReadOrganization, Target::Organization)?;
                Ok(view(&caller, place))
            })
        })
        .await
}

/// Makes an organization; the caller becomes its owner.
pub async fn create(app: &App, caller: &Caller, settings: OrganizationChange) -> AppResult<OrganizationView> {
    if !matches!(caller.kind, CredentialKind::User | CredentialKind::Session) {
        return Err(AppError::NotFound);
    }
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let organization = create_in(tx, &caller, settings).await?;
                let standing =
                    standings::of(tx, &caller.principal, &organization.id, standings::Place::default()).await?;
                Ok(view(&caller, Place { organization, standing }))
            })
        })
        .await
}

/// The pool that is to be the default must be the organization's own.
async fn check_agent_pool(tx: &mut Tx, id: &OrganizationId, settings: &OrganizationChange) -> AppResult<()> {
    let Some(Some(pool_id)) = &settings.default_agent_pool_id else { return Ok(()) };
    let pool = terrane_store::agent_pools::by_id(tx, pool_id).await?;
    if pool.is_none_or(|pool| pool.organization_id != *id) {
        return Err(AppError::invalid("default-agent-pool-id", "The provided agent pool does not exist"));
    }
    Ok(())
}

pub(crate) async fn create_in(tx: &mut Tx, caller: &Caller, settings: OrganizationChange) -> AppResult<Organization> {
    for (attribute, name, value) in [("name", "Name", &settings.name), ("email", "Email", &settings.email)] {
        if value.as_ref().is_none_or(String::is_empty) {
            return Err(AppError::invalid(attribute, format!("{name} can't be blank")));
        }
    }
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    let now = tx.now();
    let id = OrganizationId::from_entropy(entropy());
    let project = Project::new(ProjectId::from_entropy(entropy()), id.clone(), DEFAULT_PROJECT.to_owned(), now);
    let mut organization = Organization::new(id.clone(), project.id.clone(), now);
    check_agent_pool(tx, &id, &settings).await?;
    organization.change(settings)?;
    terrane_store::organizations::insert(tx, &organization).await.map_err(AppError::if_taken("name", NAME_TAKEN))?;
    terrane_store::projects::insert(tx, &project).await?;
    let team = Team {
        id: TeamId::from_entropy(entropy()),
        organization_id: id.clone(),
        name: OWNERS.to_owned(),
        visibility: TeamVisibility::Secret,
        sso_team_id: None,
        organization_access: GrantedAccess::NONE,
        allow_member_token_management: true,
        created_at: now,
    };
    terrane_store::teams::insert(tx, &team).await?;
    terrane_store::teams::insert_member(tx, &team.id, &user_id).await?;
    let user = terrane_store::users::by_id(tx, &user_id).await?.ok_or(AppError::NotFound)?;
    let membership = OrganizationMembership {
        id: OrganizationMembershipId::from_entropy(entropy()),
        organization_id: id,
        user_id,
        email: user.email,
        status: MembershipStatus::Active,
        created_at: now,
    };
    terrane_store::organization_memberships::insert(tx, &membership).await?;
    let details = serde_json::json!({ "name": organization.name });
    events::record(tx, caller, &organization.id, "organization.create", &organization.name, details).await?;
    Ok(organization)
}

/// Changes settings. With the name change all addresses; ids of things below stay.
pub async fn update(
    app: &App,
    caller: &Caller,
    name: &str,
    settings: OrganizationChange,
) -> AppResult<OrganizationView> {
    let (caller, name) = (caller.clone(), name.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::held_organization(tx, &caller, &name, Action::UpdateOrganization).await?;
                let mut organization = found.into_inner();
                check_agent_pool(tx, &organization.id, &settings).await?;
                organization.change(settings)?;
                terrane_store::organizations::update_settings(tx, &organization)
                    .await
                    .map_err(AppError::if_taken("name", NAME_TAKEN))?;
                let details = serde_json::json!({ "name": organization.name });
                events::record(tx, &caller, &organization.id, "organization.update", &name, details).await?;
                Ok(view(&caller, Place { organization: organization.into_inner(), ..place }))
            })
        })
        .await
}

/// Deletes an organization with everything in it. Runners that work for it are told that their jobs are gone. What
/// was sealed for it cannot be opened again by anyone; its events stay.
pub async fn delete(app: &App, caller: &Caller, name: &str) -> AppResult<()> {
    let (caller, name) = (caller.clone(), name.to_owned());
    let id = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &name, Action::DeleteOrganization).await?;
                let id = place.organization.id.clone();
                events::record(tx, &caller, &id, "organization.delete", &name, serde_json::json!({})).await?;
                if !terrane_store::organizations::delete(tx, &id).await? {
                    return Err(AppError::NotFound);
                }
                Ok(id)
            })
        })
        .await?;
    if let Err(error) = app.store.remove_blobs_of(&id).await {
        tracing::warn!(organization = %id, %error, "the blobs of a deleted organization could not be removed");
    }
    Ok(())
}
