//! `terraform login` in the browser: who it is, what is asked for, yes or no.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::authorization_codes::{self, AuthorizationRequest};
use terrane_app::{App, users};
use terrane_domain::authorization_codes::CLIENT_ID;

use crate::error::PageResult;
use crate::forms::{FormToken, Parameters, Submitted};
use crate::layout::page;
use crate::session::SignedIn;
use crate::tokens::{lifetime, lifetime_choice};

/// The request's parameters as a form sends them on.
fn fields(request: &AuthorizationRequest) -> [(&'static str, &str); 6] {
    [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", &request.redirect_uri),
        ("code_challenge", &request.code_challenge),
        ("code_challenge_method", "S256"),
        ("state", &request.state),
    ]
}

fn render(request: &AuthorizationRequest, username: &str, token: &FormToken) -> Markup {
    page(
        "Allow terraform",
        &html! {
            h1 { "Allow terraform to act as " (username) "?" }
            p { "A " code { "terraform login" } " on this computer asks for an API token of yours. With it, terraform can do all that you can do here." }
            p class="note" { "Go on only if you have just typed that command yourself. The token goes to port " (request.port) " of this computer." }
            form method="post" action="/oauth/authorization" class="stack" {
                (token.field())
                @for (name, value) in fields(request) { input type="hidden" name=(name) value=(value); }
                (lifetime_choice())
                div class="actions" {
                    button class="primary" name="answer" value="allow" { "Allow" }
                    button name="answer" value="refuse" { "Refuse" }
                }
            }
        },
    )
}

/// The page that asks.
pub(crate) async fn ask(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    query: Parameters,
) -> PageResult<Response> {
    let request = AuthorizationRequest::parse(|name| query.get(name).map(str::to_owned))?;
    let user = users::account(&app, &caller).await?;
    let mut response = render(&request, &user.username, &token).into_response();
    // Browsers hold the redirect that follows a form to the form's own rule.
    let policy = crate::policy(&format!("form-action 'self' http://localhost:{}", request.port));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// The answer: a code for the CLI, or nothing.
pub(crate) async fn decide(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    form: Submitted,
) -> PageResult<Response> {
    if form.get("answer") != Some("allow") {
        let body = html! {
            h1 { "Refused" }
            p { "Nothing was given to terraform. It still waits: press Ctrl-C in the terminal." }
            p { a href="/app" { "All workspaces" } }
        };
        return Ok((StatusCode::OK, page("Refused", &body)).into_response());
    }
    let request = AuthorizationRequest::parse(|name| form.get(name).map(str::to_owned))?;
    let lifetime: Option<Duration> = lifetime(&form)?;
    let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
    let code = authorization_codes::create(&app, &caller, request, lifetime).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", code.reveal()).append_pair("state", &state);
    Ok(Redirect::to(&format!("{redirect_uri}?{}", query.finish())).into_response())
}
