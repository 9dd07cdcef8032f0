//! Accepting an invitation: with the account that one is signed in with, or with a new one.

mod members;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::callers::Secret;
use terrane_app::organization_memberships::{self, Invitation};
use terrane_app::{App, AppError, users};

pub(crate) use members::{delete, invite, show as show_members};

use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, Visitor, correctable, fault, input};
use crate::layout::{door, page};
use crate::paths::Path;
use crate::session::{From, SignedIn, enter, sign_in_address};

/// The invitation behind a link, or the page that says that there is none.
async fn find(app: &App, link: &str) -> PageResult<Result<Invitation, Response>> {
    match organization_memberships::invitation(app, Secret::new(link)).await {
        Ok(invitation) => Ok(Ok(invitation)),
        Err(AppError::NotFound) => Ok(Err(used_up())),
        Err(error) => Err(error.into()),
    }
}

fn used_up() -> Response {
    let body = html! {
        h1 { "This invitation leads nowhere any more" }
        p { "It works once, for 7 days, unless it was taken back. Ask whoever invited you for a new one." }
        p { a href="/app" { "Sign in" } }
    };
    (StatusCode::NOT_FOUND, door("Invitation", &body)).into_response()
}

fn render_new(
    app: &App,
    visitor: &Visitor,
    link: &str,
    invitation: &Invitation,
    username: &str,
    wrong: Option<&str>,
) -> Markup {
    let here = format!("/app/invitations/{link}");
    door(
        "Invitation",
        &html! {
            h1 { "Join " (invitation.organization) }
            p { "This invitation is for " (invitation.email) ". It makes your account." }
            (fault(wrong))
            form method="post" action=(here) class="stack" {
                (visitor.field(app))
                (input("Username", "username", "text", username, "username"))
                (input("Password (at least 10 characters)", "password", "password", "", "new-password"))
                button class="primary" { "Create account and join" }
            }
            p class="quiet" { "You have an account? " a href=(sign_in_address(&here)) { "Sign in" } " and join with it." }
        },
    )
}

/// The page: a question to who is signed in, a new account for who is not.
pub(crate) async fn show(
    State(app): State<App>,
    caller: Result<SignedIn, Response>,
    visitor: Visitor,
    token: FormToken,
    Path(link): Path<String>,
) -> PageResult<Response> {
    let invitation = match find(&app, &link).await? {
        Ok(invitation) => invitation,
        Err(used_up) => return Ok(used_up),
    };
    let Ok(SignedIn(caller)) = caller else {
        let page = render_new(&app, &visitor, &link, &invitation, "", None);
        return Ok(visitor.answer(&app, page));
    };
    let user = users::account(&app, &caller).await?;
    let body = html! {
        h1 { "Join " (invitation.organization) " as " (user.username) "?" }
        p { "The invitation was sent to " (invitation.email) "." }
        form method="post" action={ "/app/invitations/" (link) "/join" } class="actions" {
            (token.field())
            button class="primary" { "Join" }
        }
    };
    Ok(page("Invitation", &body).into_response())
}

/// Makes an account that joins.
pub(crate) async fn sign_up(
    State(app): State<App>,
    visitor: Visitor,
    From(arrival): From,
    Path(link): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let invitation = match find(&app, &link).await? {
        Ok(invitation) => invitation,
        Err(used_up) => return Ok(used_up),
    };
    let (username, secret) = (form.trimmed("username"), Secret::new(link.as_str()));
    let password = form.secret("password");
    match organization_memberships::sign_up(&app, secret, username.clone(), password, arrival).await {
        Ok(session) => Ok(enter(&app, &session, "/app")),
        Err(AppError::NotFound) => Ok(used_up()),
        Err(error) => {
            let wrong = correctable(error)?;
            let page = render_new(&app, &visitor, &link, &invitation, &username, Some(&wrong));
            Ok(visitor.answer(&app, (StatusCode::UNPROCESSABLE_ENTITY, page)))
        }
    }
}

/// Joins with the account that one is signed in with.
pub(crate) async fn join(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(link): Path<String>,
) -> PageResult<Response> {
    match organization_memberships::accept_as(&app, &caller, Secret::new(link)).await {
        Ok(()) => Ok(Redirect::to("/app").into_response()),
        Err(AppError::NotFound) => Ok(used_up()),
        Err(error) => Err(error.into()),
    }
}
