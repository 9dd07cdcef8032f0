//! The members of an organization: who they are, invitations, removal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::organization_memberships::{self, MembershipFilter, MembershipView};
use terrane_app::organizations::{self, OrganizationView};
use terrane_app::teams::{self, TeamFilter};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::organization_memberships::MembershipStatus;
use terrane_domain::teams::Team;

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Parameters, Submitted, Wrong, button, copyable_secret, fault};
use crate::layout::{Pager, ROWS, organization_page};
use crate::paths::Path;
use crate::session::SignedIn;

const NO_RIGHT: &str = "You need the right to manage the membership of this organization.";
/// More teams than a list to choose from can have.
const MOST_TEAMS: i64 = 500;

/// What is to be said on the page.
#[derive(Default)]
struct Said {
    /// What the invitation form said, and why it was refused.
    refused: Option<(String, Wrong)>,
    invited: Option<MembershipView>,
}

fn address(organization: &OrganizationView) -> String {
    format!("/app/{}/settings/members", organization.organization.name)
}

fn removal(here: &str, view: &MembershipView, caller: &Caller, token: &FormToken) -> Markup {
    let is_own = caller.user_id() == Some(&view.user.id);
    let (what, sure) = match view.membership.status {
        MembershipStatus::Invited => ("Take back", "Take the invitation back"),
        MembershipStatus::Active if is_own => ("Leave", "Leave the organization"),
        MembershipStatus::Active => ("Remove", "Remove from the organization"),
    };
    let why_not = (is_own && view.teams.iter().any(Team::is_owners))
        .then_some("You cannot remove yourself from an organization that you own.");
    html! {
        details {
            summary aria-label={ (what) " " (view.membership.email) } { (what) }
            form method="post" action={ (here) "/" (view.membership.id) "/delete" } class="actions" {
                (token.field())
                (button(sure, why_not))
            }
        }
    }
}

fn row(view: &MembershipView, end: &Markup) -> Markup {
    let teams: Vec<_> = view.teams.iter().map(|team| team.name.as_str()).collect();
    html! {
        li {
            span class="grow" {
                @if view.user.is_placeholder() { (view.membership.email) } @else {
                    (view.user.username) br; span class="quiet" { (view.membership.email) }
                }
            }
            @match view.membership.status {
                MembershipStatus::Invited => span class="badge ask" { "invited" }
                MembershipStatus::Active => span class="badge good" { "active" }
            }
            span class="grow quiet" { @if teams.is_empty() { "in no team" } @else { "in " (teams.join(", ")) } }
            (end)
        }
    }
}

fn invitation(here: &str, teams: &[(&str, &str)], token: &FormToken, refused: Option<&(String, Wrong)>) -> Markup {
    let (email, wrong) = match refused {
        Some((email, wrong)) => (email.as_str(), Some(wrong)),
        None => ("", None),
    };
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: false };
    html! {
        (fault(wrong.and_then(|wrong| wrong.beside(&["email"]))))
        form method="post" action=(here) class="stack" {
            (token.field())
            (field("Email", "email").line(email))
            (field("Team", "team").choice(teams, ""))
            p class="quiet" { "You get a link to send to the person. It works once, for 7 days." }
            button class="primary" { "Invite" }
        }
    }
}

async fn answer(
    app: &App,
    caller: &Caller,
    organization: &OrganizationView,
    token: &FormToken,
    pager: &Pager,
    said: &Said,
) -> PageResult<Response> {
    let name = &organization.organization.name;
    let page = (ROWS, pager.offset());
    let filter = MembershipFilter::default();
    let found = organization_memberships::list(app, caller, name, filter, Vec::new(), page).await?;
    let may = organization.may(Action::ManageMembership);
    let teams = if may {
        teams::list(app, caller, name, TeamFilter::default(), false, (MOST_TEAMS, 0)).await?.0
    } else {
        Vec::new()
    };
    let mut choices = vec![("", "None yet")];
    choices.extend(
        teams
            .iter()
            .filter(|view| view.may(Action::ManageTeamMembers))
            .map(|view| (view.team.id.as_str(), view.team.name.as_str())),
    );
    let here = address(organization);
    let link = said.invited.as_ref().and_then(|view| Some((&view.membership.email, view.invitation_url.as_ref()?)));
    let body = html! {
        h1 { "Members" }
        @if let Some((email, link)) = link {
            div class="note done" role="status" {
                @let label = format!("The link for {email}. Copy it now and send it: it is shown this once.");
                (copyable_secret("invitation", &label, link))
            }
        }
        p class="quiet" { (found.active) " active, " (found.invited) " invited" }
        ul class="list" {
            @for view in &found.views {
                (row(view, &if may { removal(&here, view, caller, token) } else { html! {} }))
            }
        }
        (pager.render(&here, &[], found.total))
        section {
            h2 { "Invite a person" }
            @if may {
                (invitation(&here, &choices, token, said.refused.as_ref()))
            } @else {
                div class="actions" { (button("Invite", Some(NO_RIGHT))) }
            }
        }
    };
    let status = if said.refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, organization_page(organization, "Members", "Members", &body)).into_response())
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path(organization): Path<String>,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    answer(&app, &caller, &organization, &token, &Pager::new(&query), &Said::default()).await
}

/// Invites a person and shows the link, this once.
pub(crate) async fn invite(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path(organization): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let name = &organization.organization.name;
    let team_id = form.get("team").map(|id| id.parse().map_err(|_| AppError::NotFound)).transpose()?;
    let email = form.trimmed("email");
    let team_ids = team_id.into_iter().collect();
    let said = match organization_memberships::create(&app, &caller, name, email.clone(), team_ids).await {
        Ok(view) => Said { invited: Some(view), ..Said::default() },
        Err(error) => Said { refused: Some((email, Wrong::new(error)?)), ..Said::default() },
    };
    answer(&app, &caller, &organization, &token, &Pager::new(&query), &said).await
}

/// Ends a membership of this organization.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, id)): Path<(String, String)>,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let id: terrane_domain::ids::OrganizationMembershipId = id.parse().map_err(|_| AppError::NotFound)?;
    let view = organization_memberships::read(&app, &caller, id.clone()).await?;
    if view.organization != organization.organization.name {
        return Err(AppError::NotFound.into());
    }
    organization_memberships::delete(&app, &caller, id).await?;
    let is_own = caller.user_id() == Some(&view.user.id);
    let next = if is_own { "/app".to_owned() } else { address(&organization) };
    Ok(Redirect::to(&next).into_response())
}
