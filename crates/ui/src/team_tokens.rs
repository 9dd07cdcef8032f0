//! The API tokens of a team.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::team_tokens::{self, TeamTokenFilter, TeamTokenOrder};
use terrane_app::tokens::{self, TokenView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::TokenId;

use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, correctable};
use crate::layout::organization_page;
use crate::paths::Path;
use crate::session::SignedIn;
use crate::teams::Found;
use crate::times::Now;
use crate::tokens::{list_and_form, new_token};

/// The team, for who may manage its tokens.
async fn place(app: &App, caller: &Caller, organization: &str, team: &str) -> PageResult<Found> {
    let found = Found::read(app, caller, organization, team).await?;
    if found.view.may(Action::ManageTeamTokens) { Ok(found) } else { Err(AppError::NotFound.into()) }
}

fn address(found: &Found) -> String {
    format!("{}/tokens", found.address())
}

async fn render(
    app: &App,
    caller: &Caller,
    found: &Found,
    token: &FormToken,
    new: Option<&TokenView>,
    wrong: Option<&str>,
) -> PageResult<Markup> {
    let team = &found.view.team;
    let filter = TeamTokenFilter {
        team_name_part: Some(team.name.clone()),
        order: TeamTokenOrder::TeamName,
        is_descending: false,
    };
    let mut views = team_tokens::list(app, caller, &found.view.organization, filter).await?;
    views.retain(|view| view.token.team_id.as_ref() == Some(&team.id));
    let body = html! {
        p class="path" { a href=(found.list()) { "Teams" } " / " a href=(found.address()) { (team.name) } " / Tokens" }
        h1 { "Tokens of " (team.name) }
        p class="quiet" { "A token of the team lets a program do all that the team may do, and belongs to no person. Programs keep it like a password." }
        (list_and_form(&views, (&address(found), Now::of(app)), token, new, wrong))
    };
    Ok(organization_page(&found.organization, "Teams", &format!("Tokens of {}", team.name), &body))
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
) -> PageResult<Markup> {
    let found = place(&app, &caller, &organization, &team).await?;
    render(&app, &caller, &found, &token, None, None).await
}

/// Makes a token and shows it, this once.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = place(&app, &caller, &organization, &team).await?;
    let made = match new_token(&app, &form) {
        // Only the one token that programs make has none, and it would take the place of that.
        Ok(new) if new.description.as_deref().is_none_or(str::is_empty) => {
            Err(AppError::invalid("description", "Say what the token is for"))
        }
        Ok(new) => team_tokens::create(&app, &caller, found.view.team.id.clone(), new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(view) => Ok(render(&app, &caller, &found, &token, Some(&view), None).await?.into_response()),
        Err(error) => {
            let wrong = correctable(error)?;
            let page = render(&app, &caller, &found, &token, None, Some(&wrong)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Ends a token of this team.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, team, id)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let found = place(&app, &caller, &organization, &team).await?;
    let id: TokenId = id.parse().map_err(|_| AppError::NotFound)?;
    let token = tokens::read(&app, &caller, id).await?.token;
    if token.team_id.as_ref() != Some(&found.view.team.id) {
        return Err(AppError::NotFound.into());
    }
    tokens::delete(&app, &caller, token.id).await?;
    Ok(Redirect::to(&address(&found)).into_response())
}
