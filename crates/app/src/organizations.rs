//! Organizations as callers see them.

use terrane_domain::access::{Action, Caller, CredentialKind, GrantedAccess, Principal, Target};
use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, ProjectId, TeamId};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::organizations::{Organization, is_name};
use terrane_domain::projects::{DEFAULT_PROJECT, Project};
use terrane_domain::teams::{OWNERS, Team, TeamVisibility};
use terrane_store::{Tx, standings};

use crate::lookups::{self, Place};
use crate::{App, AppError, AppResult, entropy, events};

/// An organization as documents and pages show it.
#[derive(Debug, Clone)]
pub struct OrganizationView {
    /// The organization.
    pub organization: Organization,
    /// What the caller may do to it.
    pub permissions: Vec<Action>,
}

impl OrganizationView {
    /// Whether the caller may do `action` to it.
    pub fn may(&self, action: Action) -> bool {
        self.permissions.contains(&action)
    }
}

fn view(caller: &Caller, place: Place) -> OrganizationView {
    OrganizationView { permissions: place.actions(caller, Target::Organization), organization: place.organization }
}

/// The caller's organizations, by name. Tokens of teams and organizations see their own.
pub async fn list(app: &App, caller: &Caller) -> AppResult<Vec<OrganizationView>> {
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
                    }
                    Principal::Team { organization_id: id, .. } | Principal::Organization(id) => {
                        places.push(lookups::place_in_organization(tx, &caller, id).await?);
                    }
                    _ => {}
                }
                places.retain(|place| place.judge(&caller, Action::ReadOrganization, Target::Organization).is_ok());
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

/// Makes an organization; the caller becomes its owner.
pub async fn create(app: &App, caller: &Caller, name: String, email: String) -> AppResult<OrganizationView> {
    if !matches!(caller.kind, CredentialKind::User | CredentialKind::Session) {
        return Err(AppError::NotFound);
    }
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let organization = create_in(tx, &caller, name, email).await?;
                let found = lookups::organization(tx, &caller, &organization.name, Action::ReadOrganization).await?;
                Ok(view(&caller, found.into_inner()))
            })
        })
        .await
}

pub(crate) async fn create_in(tx: &mut Tx, caller: &Caller, name: String, email: String) -> AppResult<Organization> {
    if !is_name(&name) {
        return Err(AppError::invalid("name", "Name may only contain letters, numbers, dashes and underscores"));
    }
    if terrane_store::organizations::by_name(tx, &name).await?.is_some() {
        return Err(AppError::invalid("name", "Name has already been taken"));
    }
    let user_id = caller.user_id().cloned().ok_or(AppError::NotFound)?;
    let now = tx.now();
    let id = OrganizationId::from_entropy(entropy());
    let project = Project {
        id: ProjectId::from_entropy(entropy()),
        organization_id: id.clone(),
        name: DEFAULT_PROJECT.to_owned(),
        created_at: now,
    };
    let organization =
        Organization { id: id.clone(), name, email, default_project_id: project.id.clone(), created_at: now };
    terrane_store::organizations::insert(tx, &organization).await?;
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
