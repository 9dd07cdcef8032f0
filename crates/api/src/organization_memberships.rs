//! Memberships in organizations. Source: `api-docs/organization-memberships.mdx`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::organization_memberships::{self, MembershipFilter, MembershipView};
use terrane_app::{App, AppError};
use terrane_domain::access::Action;
use terrane_domain::ids::TeamId;
use terrane_domain::organization_memberships::OrganizationMembership;
use terrane_jsonapi::{Document, Error, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, no_content};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::{account, teams};

pub(crate) fn routes() -> Routes {
    let of_organization = "/api/v2/organizations/{organization}/organization-memberships";
    let one = "/api/v2/organization-memberships/{membership}";
    Routes::default()
        .get(of_organization, Access::Right(Action::ReadMembership), list)
        .post(of_organization, Access::Right(Action::ManageMembership), create)
        .get("/api/v2/organization-memberships", Access::Authenticated, own)
        .get(one, Access::Right(Action::ReadMembership), show)
        .delete(one, Access::Right(Action::ManageMembership), delete)
}

/// What can stand beside memberships.
struct Wanted {
    user: bool,
    teams: bool,
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["user", "teams"];

    fn of(paths: &Paths) -> Self {
        Self { user: paths.has("user"), teams: paths.has("teams") }
    }
}

/// What is shown of a membership where it stands beside something else.
pub(crate) fn included(app: &App, organization: &str, membership: &OrganizationMembership) -> Resource {
    Resource::new("organization-memberships", membership.id.as_str())
        .attributes(&json!({
            "status": membership.status,
            "email": membership.email,
            "created-at": membership.created_at,
        }))
        .relation("organization", Relationship::to_one("organizations", organization))
        .relation("user", Relationship::to_one("users", membership.user_id.as_str()))
        .link("self", address(app, &format!("organization-memberships/{}", membership.id)))
}

fn resource(app: &App, view: &MembershipView) -> Resource {
    let teams = view.teams.iter().map(|team| team.id.as_str());
    let resource =
        included(app, &view.organization, &view.membership).relation("teams", Relationship::to_many("teams", teams));
    match &view.invitation_url {
        Some(url) => resource.attribute("invitation-url", url.as_str()),
        None => resource,
    }
}

fn with_included(app: &App, mut document: Document, wanted: &Wanted, views: &[MembershipView]) -> Document {
    for view in views {
        if wanted.user {
            document = document.include(account::resource(&view.user));
        }
        if wanted.teams {
            let teams = view.teams.iter().map(|team| teams::included(app, &view.organization, team));
            document = document.include_all(teams);
        }
    }
    document
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let status = match query.first("filter[status]") {
        Some(word) => Some(
            word.parse()
                .map_err(|_| Error::bad_parameter("filter[status]", "filter[status] must be invited or active."))?,
        ),
        None => None,
    };
    let filter = MembershipFilter { part: query.first("q").map(str::to_owned), status };
    let emails = query.list("filter[email]").into_iter().map(str::to_owned).collect();
    let rows = (page.limit(), page.offset());
    let found = organization_memberships::list(&app, &caller, &organization, filter, emails, rows).await?;
    let resources = found.views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{organization}/organization-memberships"));
    let counts = json!({
        "active": found.active,
        "invited": found.invited,
        "total": found.active + found.invited,
    });
    let total = u64::try_from(found.total).unwrap_or(0);
    let list = Document::page(resources, page, total, &base, &query).meta("status-counts", &counts);
    Ok(document(StatusCode::OK, &with_included(&app, list, &wanted, &found.views)))
}

async fn own(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let mut views = organization_memberships::own(&app, &caller).await?;
    let total = views.len() as u64;
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    views = views.into_iter().skip(skip).take(usize::try_from(page.limit()).unwrap_or(0)).collect();
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let list = Document::page(resources, page, total, &address(&app, "organization-memberships"), &query);
    Ok(document(StatusCode::OK, &with_included(&app, list, &wanted, &views)))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(membership): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = organization_memberships::read(&app, &caller, id(&membership)?).await?;
    let one = Document::one(resource(&app, &view));
    Ok(document(StatusCode::OK, &with_included(&app, one, &wanted, &[view])))
}

/// The person comes with the answer, asked for or not. Clients may name no team: `go-tfe` does so.
async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let input = Input::parse(&body.0, MAX_JSON_BYTES)?;
    let references = input.relation_list("teams")?.unwrap_or_default();
    let ids = references.into_iter().filter_map(|reference| reference.id);
    let teams: Result<Vec<TeamId>, _> = ids.map(|text| text.parse::<TeamId>()).collect();
    let teams = teams.map_err(|_| AppError::NotFound)?;
    let email = input.required("email")?;
    let view = organization_memberships::create(&app, &caller, &organization, email, teams).await?;
    let one = Document::one(resource(&app, &view)).include(account::resource(&view.user));
    Ok(document(StatusCode::CREATED, &one))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(membership): Path<String>,
) -> ApiResult<Response> {
    organization_memberships::delete(&app, &caller, id(&membership)?).await?;
    Ok(no_content())
}
