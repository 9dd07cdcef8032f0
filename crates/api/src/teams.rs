//! Teams. Source: `api-docs/teams.mdx`.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use terrane_app::App;
use terrane_app::teams::{self, TeamFilter, TeamSettings, TeamView};
use terrane_domain::access::{Action, OrganizationPermission};
use terrane_domain::teams::Team;
use terrane_jsonapi::{Document, Input, Page, Relationship, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, MAX_JSON_BYTES, Parameters, address, document, id, no_content};
use crate::include::{Include, Includes, Paths};
use crate::routes::{Access, Routes};
use crate::{account, organization_memberships};

pub(crate) fn routes() -> Routes {
    let update = Access::Right(Action::UpdateTeam);
    Routes::default()
        .get("/api/v2/organizations/{organization}/teams", Access::Right(Action::ReadOrganization), list)
        .post("/api/v2/organizations/{organization}/teams", Access::Right(Action::CreateTeam), create)
        .get("/api/v2/teams/{team}", Access::Right(Action::ReadTeam), show)
        .patch("/api/v2/teams/{team}", update, change)
        .delete("/api/v2/teams/{team}", update, delete)
}

/// What can stand beside teams.
struct Wanted {
    users: bool,
    memberships: bool,
}

impl Includes for Wanted {
    const KNOWN: &'static [&'static str] = &["users", "organization_memberships"];

    fn of(paths: &Paths) -> Self {
        Self { users: paths.has("users"), memberships: paths.has("organization_memberships") }
    }
}

/// What is shown of a team where it stands beside something else.
pub(crate) fn included(app: &App, organization: &str, team: &Team) -> Resource {
    let access = team.effective_access();
    let rights = OrganizationPermission::ALL.iter();
    let rights: Map<String, Value> = rights.map(|right| (right.to_string(), access.has(*right).into())).collect();
    Resource::new("teams", team.id.as_str())
        .attributes(&json!({
            "name": team.name,
            "visibility": team.visibility,
            "sso-team-id": team.sso_team_id,
            "organization-access": rights,
            "allow-member-token-management": team.allow_member_token_management,
            "is-unified": false,
            "created-at": team.created_at,
        }))
        .relation("organization", Relationship::to_one("organizations", organization))
        .link("self", address(app, &format!("teams/{}", team.id)))
}

fn resource(app: &App, view: &TeamView) -> Resource {
    let users = view.members().map(|membership| membership.user_id.as_str());
    let memberships = view.memberships.iter().map(|membership| membership.id.as_str());
    let may_update = view.may(Action::UpdateTeam);
    included(app, &view.organization, &view.team)
        .attribute("users-count", view.members().count())
        .attribute(
            "permissions",
            json!({
                "can-update-membership": view.may(Action::ManageTeamMembers),
                "can-destroy": may_update && !view.team.is_owners(),
                "can-update-organization-access": view.may(Action::UpdateTeamAccess) && !view.team.is_owners(),
                "can-update-api-token": view.may(Action::ManageTeamTokens),
                "can-update-visibility": may_update && !view.team.is_owners(),
            }),
        )
        .relation("users", Relationship::to_many("users", users))
        .relation("organization-memberships", Relationship::to_many("organization-memberships", memberships))
        .relation(
            "authentication-token",
            Relationship::related(address(app, &format!("teams/{}/authentication-token", view.team.id))),
        )
}

/// Beside the teams, what was asked for: accounts of members, memberships of the invited too.
fn with_included(app: &App, mut document: Document, wanted: &Wanted, views: &[TeamView]) -> Document {
    for view in views {
        if wanted.users {
            let is_member = |id| view.members().any(|membership| membership.user_id == id);
            let users = view.users.iter().filter(|user| is_member(user.id.clone()));
            document = document.include_all(users.map(account::resource));
        }
        if wanted.memberships {
            let memberships = view.memberships.iter();
            let resource = |membership| organization_memberships::included(app, &view.organization, membership);
            document = document.include_all(memberships.map(resource));
        }
    }
    document
}

fn settings(input: &Input) -> ApiResult<TeamSettings> {
    let access: Option<BTreeMap<String, Option<bool>>> = input.attribute("organization-access")?;
    let right = |(name, is_given): (String, Option<bool>)| name.parse().ok().zip(is_given);
    Ok(TeamSettings {
        name: input.attribute("name")?,
        visibility: input.attribute("visibility")?,
        sso_team_id: input.attribute_or_absent("sso-team-id")?,
        organization_access: access.unwrap_or_default().into_iter().filter_map(right).collect(),
        allow_member_token_management: input.attribute("allow-member-token-management")?,
    })
}

async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    Parameters(query): Parameters,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let page = Page::parse(&query)?;
    let filter = TeamFilter {
        names: query.list("filter[names]").into_iter().map(str::to_owned).collect(),
        name_part: query.first("q").map(str::to_owned),
    };
    let rows = (page.limit(), page.offset());
    let (views, total) = teams::list(&app, &caller, &organization, filter, wanted.users, rows).await?;
    let resources = views.iter().map(|view| resource(&app, view)).collect();
    let base = address(&app, &format!("organizations/{organization}/teams"));
    let list = Document::page(resources, page, u64::try_from(total).unwrap_or(0), &base, &query);
    Ok(document(StatusCode::OK, &with_included(&app, list, &wanted, &views)))
}

async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    Include(wanted): Include<Wanted>,
) -> ApiResult<Response> {
    let view = teams::read(&app, &caller, id(&team)?, wanted.users).await?;
    let one = Document::one(resource(&app, &view));
    Ok(document(StatusCode::OK, &with_included(&app, one, &wanted, &[view])))
}

async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(organization): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let settings = settings(&Input::parse(&body.0, MAX_JSON_BYTES)?)?;
    let view = teams::create(&app, &caller, &organization, settings).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn change(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    let settings = settings(&Input::parse(&body.0, MAX_JSON_BYTES)?)?;
    let view = teams::update(&app, &caller, id(&team)?, settings).await?;
    Ok(document(StatusCode::OK, &Document::one(resource(&app, &view))))
}

async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    teams::delete(&app, &caller, id(&team)?).await?;
    Ok(no_content())
}
