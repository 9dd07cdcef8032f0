//! The teams of an organization. Each team's own page is in a file of its own.

mod organization_access;
mod team;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::organizations::OrganizationView;
use terrane_app::teams::{self, TeamFilter, TeamSettings, TeamView};
use terrane_app::{App, organizations};
use terrane_domain::access::{Action, Caller};
use terrane_domain::teams::TeamVisibility;

pub(crate) use team::{
    Found, add_member, delete, remove_member, show as show_team, update, update_access as update_organization_access,
};

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Parameters, Submitted, Wrong, button, fault};
use crate::layout::{Pager, ROWS, organization_page};
use crate::paths::Path;
use crate::session::SignedIn;

const VISIBILITIES: [(&str, &str); 2] =
    [("secret", "Secret: seen by members and managers"), ("organization", "Visible: seen by the whole organization")];

fn row(here: &str, view: &TeamView) -> Markup {
    let people = view.memberships.len();
    html! {
        li {
            span class="grow" {
                a href={ (here) "/" (view.team.id) } { (view.team.name) }
                br;
                span class="quiet" { (organization_access::in_words(&view.team)) }
            }
            @if view.team.visibility == TeamVisibility::Secret { span class="badge stopped" { "secret" } }
            span class="quiet" { (people) @if people == 1 { " person" } @else { " people" } }
        }
    }
}

fn addition(here: &str, may: bool, token: &FormToken, refused: Option<&(Submitted, Wrong)>) -> Markup {
    let wrong = refused.map(|(_, wrong)| wrong);
    let sent = |name| refused.map(|(form, _)| form.trimmed(name)).unwrap_or_default();
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: !may };
    html! {
        section {
            h2 { "New team" }
            (fault(wrong.and_then(|wrong| wrong.beside(&["name", "visibility"]))))
            form method="post" action=(here) class="stack" {
                (token.field())
                (field("Name", "name").line(&sent("name")))
                (field("Visibility", "visibility").choice(&VISIBILITIES, &sent("visibility")))
                (button("Create team", (!may).then_some("You need the right to manage the teams of this organization.")))
            }
        }
    }
}

async fn answer(
    app: &App,
    caller: &Caller,
    organization: &OrganizationView,
    token: &FormToken,
    pager: &Pager,
    refused: Option<(Submitted, Wrong)>,
) -> PageResult<Response> {
    let name = &organization.organization.name;
    let rows = (ROWS, pager.offset());
    let (views, total) = teams::list(app, caller, name, TeamFilter::default(), false, rows).await?;
    let here = format!("/app/{name}/settings/teams");
    let body = html! {
        h1 { "Teams" }
        @if total == 0 {
            p class="quiet" { "There is no team that you may see." }
        } @else if !views.is_empty() {
            ul class="list" { @for view in &views { (row(&here, view)) } }
        }
        (pager.render(&here, &[], total))
        (addition(&here, organization.may(Action::CreateTeam), token, refused.as_ref()))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, organization_page(organization, "Teams", "Teams", &body)).into_response())
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
    answer(&app, &caller, &organization, &token, &Pager::new(&query), None).await
}

/// What the form says of who sees the team; what makes no sense says nothing.
fn visibility(form: &Submitted) -> Option<TeamVisibility> {
    form.get("visibility").and_then(|word| word.parse().ok())
}

/// Makes a team and goes on to its page.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
    Path(organization): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let name = &organization.organization.name;
    let settings = TeamSettings {
        name: form.get("name").map(|name| name.trim().to_owned()),
        visibility: visibility(&form),
        ..TeamSettings::default()
    };
    match teams::create(&app, &caller, name, settings).await {
        Ok(view) => Ok(Redirect::to(&format!("/app/{name}/settings/teams/{}", view.team.id)).into_response()),
        Err(error) => {
            let refused = Some((form, Wrong::new(error)?));
            answer(&app, &caller, &organization, &token, &Pager::new(&query), refused).await
        }
    }
}
