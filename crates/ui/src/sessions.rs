//! The list of one's own sessions.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::{App, AppError, sessions};

use crate::error::PageResult;
use crate::forms::FormToken;
use crate::layout::account_page;
use crate::paths::Path;
use crate::session::{SignedIn, leave};
use crate::times::Now;

const HERE: &str = "/app/settings/sessions";

/// The page.
pub(crate) async fn show(State(app): State<App>, SignedIn(caller): SignedIn, token: FormToken) -> PageResult<Markup> {
    let sessions = sessions::list(&app, &caller).await?;
    let now = Now::of(&app);
    let body = html! {
        h1 { "Sessions" }
        p class="quiet" { "Browsers in which you are signed in. A session ends after 12 hours without use, and 7 days after it began." }
        ul class="list" {
            @for session in &sessions {
                li {
                    span class="grow" {
                        (session.description)
                        @if session.is_current { " " span class="badge good" { "this browser" } }
                        br;
                        span class="quiet" { "since " (now.time(session.created_at)) ", last used " (now.time(session.last_used_at)) }
                    }
                    form method="post" action={ (HERE) "/" (session.id) "/delete" } {
                        (token.field())
                        button aria-label={ "Sign out " (session.description) } { "Sign out" }
                    }
                }
            }
        }
        form method="post" action={ (HERE) "/delete-all" } class="actions" {
            (token.field())
            button { "Sign out everywhere" }
        }
    };
    Ok(account_page("Sessions", &body))
}

/// Ends one session.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(session): Path<String>,
) -> PageResult<Response> {
    let id = session.parse().map_err(|_| AppError::NotFound)?;
    let is_own = caller.token_id.as_ref() == Some(&id);
    sessions::end(&app, &caller, Some(id)).await?;
    Ok(if is_own { leave(&app) } else { Redirect::to(HERE).into_response() })
}

/// Ends all sessions, this one too.
pub(crate) async fn delete_all(State(app): State<App>, SignedIn(caller): SignedIn) -> PageResult<Response> {
    sessions::end_others(&app, &caller).await?;
    sessions::end(&app, &caller, None).await?;
    Ok(leave(&app))
}
