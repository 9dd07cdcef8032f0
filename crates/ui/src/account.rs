//! The account page: name, address, password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::App;
use terrane_app::account::{self, AccountUpdate, OwnAccount};

use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, correctable, fault, input};
use crate::layout::account_page;
use crate::session::SignedIn;

const HERE: &str = "/app/settings/profile";

/// What is to be said on the page.
#[derive(Default)]
struct Said {
    wrong: Option<String>,
    wrong_password: Option<String>,
    done: Option<&'static str>,
}

fn render(account: &OwnAccount, token: &FormToken, said: &Said) -> Markup {
    let user = &account.user;
    account_page(
        "Profile",
        &html! {
            h1 { (user.username) }
            @if let Some(done) = said.done { p class="note done" role="status" { (done) } }
            section {
                h2 { "Name and address" }
                (fault(said.wrong.as_deref()))
                form method="post" action=(HERE) class="stack" {
                    (token.field())
                    (input("Username", "username", "text", &user.username, "username"))
                    (input("Email", "email", "email", account.unconfirmed_email.as_ref().unwrap_or(&user.email), "email"))
                    @if account.unconfirmed_email.is_some() {
                        p class="quiet" { "Until the new address is confirmed, " (user.email) " stays yours." }
                    }
                    button { "Save" }
                }
            }
            section {
                h2 { "Password" }
                (fault(said.wrong_password.as_deref()))
                form method="post" action="/app/settings/password" class="stack" {
                    (token.field())
                    // For password managers, which tell accounts apart by it.
                    input type="text" name="username" value=(user.username) autocomplete="username" hidden readonly;
                    (input("Current password", "current-password", "password", "", "current-password"))
                    (input("New password (at least 10 characters)", "password", "password", "", "new-password"))
                    (input("New password again", "confirmation", "password", "", "new-password"))
                    p class="quiet" { "Your other browsers are signed out. API tokens stay." }
                    button { "Change password" }
                }
            }
            section {
                h2 { "Sign out" }
                form method="post" action="/app/sign-out" { (token.field()) button { "Sign out of this browser" } }
            }
        },
    )
}

async fn answer(
    app: &App,
    caller: &terrane_domain::access::Caller,
    token: &FormToken,
    said: Said,
) -> PageResult<Response> {
    let account = account::read(app, caller).await?;
    let is_wrong = said.wrong.is_some() || said.wrong_password.is_some();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, render(&account, token, &said)).into_response())
}

/// The page.
pub(crate) async fn show(State(app): State<App>, SignedIn(caller): SignedIn, token: FormToken) -> PageResult<Response> {
    answer(&app, &caller, &token, Said::default()).await
}

/// Changes name and address.
pub(crate) async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    form: Submitted,
) -> PageResult<Response> {
    let update = AccountUpdate { username: Some(form.trimmed("username")), email: Some(form.trimmed("email")) };
    match account::update(&app, &caller, update).await {
        Ok(_) => Ok(Redirect::to(HERE).into_response()),
        Err(error) => {
            let said = Said { wrong: Some(correctable(error)?), ..Said::default() };
            answer(&app, &caller, &token, said).await
        }
    }
}

/// Changes the password.
pub(crate) async fn change_password(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    form: Submitted,
) -> PageResult<Response> {
    let new = form.secret("password");
    let said = if new.reveal() == form.text("confirmation") {
        match account::change_password(&app, &caller, form.secret("current-password"), new).await {
            Ok(_) => Said { done: Some("The password was changed."), ..Said::default() },
            Err(error) => Said { wrong_password: Some(correctable(error)?), ..Said::default() },
        }
    } else {
        Said { wrong_password: Some("The two new passwords are not the same.".to_owned()), ..Said::default() }
    };
    answer(&app, &caller, &token, said).await
}
