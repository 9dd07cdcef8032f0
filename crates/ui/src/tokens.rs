//! One's own API tokens: where `terraform login` sends people who copy a token by hand.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::tokens::{self, Expiry, NewToken, TokenView};
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::ids::UserId;

use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, copyable_secret, correctable, fault};
use crate::layout::account_page;
use crate::paths::Path;
use crate::session::SignedIn;
use crate::times::Now;

const HERE: &str = "/app/settings/tokens";
/// Days, and their name; the first is proposed.
const LIFETIMES: [(&str, &str); 4] = [("365", "1 year"), ("30", "30 days"), ("90", "90 days"), ("never", "never")];

/// How long a new token is to live.
pub(crate) fn lifetime_choice() -> Markup {
    html! {
        label for="lifetime" { "The token ends after" }
        select id="lifetime" name="lifetime" {
            @for (days, name) in LIFETIMES { option value=(days) { (name) } }
        }
    }
}

/// What was chosen; `None` is for ever.
pub(crate) fn lifetime(form: &Submitted) -> Result<Option<Duration>, AppError> {
    let chosen = form.get("lifetime").filter(|chosen| LIFETIMES.iter().any(|(days, _)| days == chosen));
    match chosen {
        Some("never") => Ok(None),
        Some(days) => Ok(days.parse().ok().map(|days: u64| Duration::from_hours(days * 24))),
        None => Err(AppError::BadRequest("choose from the list how long the token lives".to_owned())),
    }
}

fn person(caller: &Caller) -> Result<UserId, AppError> {
    caller.user_id().cloned().ok_or(AppError::NotFound)
}

fn row(view: &TokenView, here: &str, now: Now, token: &FormToken) -> Markup {
    let of = &view.token;
    let description = of.description.as_deref().filter(|text| !text.is_empty()).unwrap_or("(no description)");
    html! {
        li {
            span class="grow" {
                (description)
                br;
                span class="quiet" {
                    "made " (now.time(of.created_at))
                    @match of.last_used_at { Some(last) => { ", last used " (now.time(last)) } None => { ", never used" } }
                    @match of.expires_at { Some(expiry) => { ", ends " (now.time(expiry)) } None => { ", never ends" } }
                }
            }
            form method="post" action={ (here) "/" (of.id) "/delete" } {
                (token.field())
                button aria-label={ "Delete " (description) } { "Delete" }
            }
        }
    }
}

/// The list with the form below it, for tokens that are kept at the address `here`; `new` is shown this once.
pub(crate) fn list_and_form(
    views: &[TokenView],
    (here, now): (&str, Now),
    token: &FormToken,
    new: Option<&TokenView>,
    wrong: Option<&str>,
) -> Markup {
    let secret = new.and_then(|view| view.secret.as_ref());
    html! {
        @if let Some(secret) = secret {
            div class="note done" role="status" {
                (copyable_secret("new-token", "Your new token. Copy it now: it is shown this once.", secret.reveal()))
            }
        }
        @if views.is_empty() {
            p class="quiet" { "No token yet." }
        } @else {
            ul class="list" { @for view in views { (row(view, here, now, token)) } }
        }
        section {
            h2 { "New token" }
            (fault(wrong))
            form method="post" action=(here) class="stack" {
                (token.field())
                label for="description" { "What it is for" }
                input id="description" name="description" type="text" maxlength="255" autocomplete="off" required;
                (lifetime_choice())
                button class="primary" { "Create token" }
            }
        }
    }
}

/// The token that the form asks for.
pub(crate) fn new_token(app: &App, form: &Submitted) -> Result<NewToken, AppError> {
    let expiry = match lifetime(form)? {
        Some(lifetime) => Expiry::At(app.store().now().plus(lifetime)),
        None => Expiry::Never,
    };
    Ok(NewToken { description: Some(form.trimmed("description")), expiry })
}

async fn render(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    new: Option<&TokenView>,
    wrong: Option<&str>,
) -> PageResult<Markup> {
    let views = tokens::list(app, caller, person(caller)?).await?;
    let body = html! {
        h1 { "API tokens" }
        p class="quiet" { "A token lets terraform or a script do all that you can do here. Programs keep it like a password." }
        (list_and_form(&views, (HERE, Now::of(app)), token, new, wrong))
    };
    Ok(account_page("API tokens", &body))
}

/// The page.
pub(crate) async fn show(State(app): State<App>, SignedIn(caller): SignedIn, token: FormToken) -> PageResult<Markup> {
    render(&app, &caller, &token, None, None).await
}

/// Makes a token and shows it, this once.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    form: Submitted,
) -> PageResult<Response> {
    let made = match new_token(&app, &form) {
        Ok(new) => tokens::create(&app, &caller, person(&caller)?, new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(view) => Ok(render(&app, &caller, &token, Some(&view), None).await?.into_response()),
        Err(error) => {
            let wrong = correctable(error)?;
            let page = render(&app, &caller, &token, None, Some(&wrong)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Ends a token.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> PageResult<Response> {
    let id = id.parse().map_err(|_| AppError::NotFound)?;
    tokens::delete(&app, &caller, id).await?;
    Ok(Redirect::to(HERE).into_response())
}
