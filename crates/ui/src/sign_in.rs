//! The sign-in page, the link for one use that signs in too, and signing out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::callers::Secret;
use terrane_app::{App, AppError, sessions};

use crate::error::{PageError, PageResult};
use crate::forms::{Parameters, Submitted, Visitor, correctable, fault, input};
use crate::layout::door;
use crate::paths::Path;
use crate::session::{From, SignedIn, enter, leave, local_path};

fn render(app: &App, visitor: &Visitor, next: &str, username: &str, wrong: Option<&str>) -> Markup {
    door(
        "Sign in",
        &html! {
            h1 { "Sign in" }
            (fault(wrong))
            form method="post" action="/app/sign-in" class="stack" {
                (visitor.field(app))
                input type="hidden" name="next" value=(next);
                (input("Username", "username", "text", username, "username"))
                (input("Password", "password", "password", "", "current-password"))
                button class="primary" { "Sign in" }
            }
            p class="quiet" { "No account? Ask an owner of your organization for an invitation." }
        },
    )
}

/// The page; who is signed in already goes on at once.
pub(crate) async fn show(
    State(app): State<App>,
    caller: Result<SignedIn, Response>,
    visitor: Visitor,
    query: Parameters,
) -> Response {
    let next = query.get("next").and_then(local_path).unwrap_or("/app");
    match caller {
        Ok(_) => Redirect::to(next).into_response(),
        Err(_) => visitor.answer(&app, render(&app, &visitor, next, "", None)),
    }
}

/// Signs in with name and password.
pub(crate) async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    From(arrival): From,
    form: Submitted,
) -> PageResult<Response> {
    let (username, next) = (form.trimmed("username"), form.text("next"));
    let next = local_path(&next).unwrap_or("/app");
    let (status, wrong) = match sessions::sign_in(&app, username.clone(), form.secret("password"), arrival).await {
        Ok(session) => return Ok(enter(&app, &session, next)),
        Err(AppError::Unauthorized) => (StatusCode::UNAUTHORIZED, "Username or password is wrong.".to_owned()),
        Err(error @ AppError::TooManyTries(_)) => return Err(error.into()),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, correctable(error)?),
    };
    let page = (status, render(&app, &visitor, next, &username, Some(&wrong)));
    Ok(visitor.answer(&app, page))
}

/// Opens the session that the link is for.
pub(crate) async fn open(
    State(app): State<App>,
    From(arrival): From,
    Path(link): Path<String>,
) -> PageResult<Response> {
    match sessions::open_link(&app, Secret::new(link), arrival).await {
        Ok(session) => Ok(enter(&app, &session, "/app")),
        Err(AppError::Unauthorized) => Ok(used_link("The link was used already, or is too old.")),
        Err(error) => Err(error.into()),
    }
}

/// Says what to do about a link that leads nowhere any more.
pub(crate) fn used_link(what: &str) -> Response {
    let body = html! {
        h1 { "This link leads nowhere any more" }
        p { (what) " The server prints a new one whenever it starts, if one is needed." }
        p { a href="/app/sign-in" { "Sign in with a password" } }
    };
    (StatusCode::NOT_FOUND, door("Link", &body)).into_response()
}

/// Ends the session.
pub(crate) async fn sign_out(State(app): State<App>, SignedIn(caller): SignedIn) -> PageResult<Response> {
    sessions::end(&app, &caller, None).await.map_err(PageError::from)?;
    Ok(leave(&app))
}
