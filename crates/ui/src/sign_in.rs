//! Signing in by a link for one use.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use terrane_app::App;
use terrane_app::callers::{Secret, sign_in};

use crate::error::PageResult;
use crate::layout::page;
use crate::session::COOKIE;

/// Opens the session that the link is for.
pub(crate) async fn open(State(app): State<App>, Path(link): Path<String>) -> PageResult<Response> {
    let session = sign_in(&app, Secret::new(link)).await?;
    // Without TLS a browser would drop a cookie marked Secure.
    let secure = if app.public_url().starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax{secure}", session.reveal());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/app")).into_response())
}

/// Says where to get a link.
pub(crate) async fn explain() -> Markup {
    page(
        "Sign in",
        &html! {
            h1 { "Sign in" }
            p { "You are not signed in, or your link was used already. A link works once." }
            p { "A new one is made whenever the server starts: it prints it, and writes it as " code { "sign_in_url" } " into " code { "dev.json" } " in its data folder." }
        },
    )
}
