//! The first start: whoever holds the link that the server printed makes the first account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use terrane_app::callers::Secret;
use terrane_app::set_up::{self, SetUp};
use terrane_app::{App, AppError};

use crate::error::PageResult;
use crate::forms::{Submitted, Visitor, correctable, fault, input};
use crate::layout::door;
use crate::paths::Path;
use crate::session::{From, enter};
use crate::sign_in::used_link;

fn render(app: &App, visitor: &Visitor, link: &str, given: [&str; 3], wrong: Option<&str>) -> Markup {
    let [username, email, organization] = given;
    door(
        "Set up",
        &html! {
            h1 { "Set up Terrane" }
            p class="quiet" { "This account administers the whole site and owns the first organization." }
            (fault(wrong))
            form method="post" action={ "/app/set-up/" (link) } class="stack" {
                (visitor.field(app))
                (input("Username", "username", "text", username, "username"))
                (input("Email", "email", "email", email, "email"))
                (input("Password (at least 10 characters)", "password", "password", "", "new-password"))
                (input("Organization", "organization", "text", organization, "organization"))
                p class="quiet" { "Terraform names the organization in its " code { "cloud" } " block: letters, numbers, dashes and underscores." }
                button class="primary" { "Create account and organization" }
            }
        },
    )
}

const USED: &str = "It works once, within 30 minutes, while nobody has an account.";

/// The page. Looking at it does not use the link up.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Path(link): Path<String>) -> PageResult<Response> {
    if !set_up::is_open(&app, Secret::new(link.as_str())).await? {
        return Ok(used_link(USED));
    }
    Ok(visitor.answer(&app, render(&app, &visitor, &link, [""; 3], None)))
}

/// Makes account and organization.
pub(crate) async fn complete(
    State(app): State<App>,
    visitor: Visitor,
    From(arrival): From,
    Path(link): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let given = ["username", "email", "organization"].map(|name| form.trimmed(name));
    let [username, email, organization] = given.clone();
    let set_up = SetUp { username, email, password: form.secret("password"), organization };
    match set_up::complete(&app, Secret::new(link.as_str()), set_up, arrival).await {
        Ok(session) => Ok(enter(&app, &session, "/app")),
        Err(AppError::Unauthorized) => Ok(used_link(USED)),
        Err(error) => {
            let wrong = correctable(error)?;
            let given = given.each_ref().map(String::as_str);
            let page = (StatusCode::UNPROCESSABLE_ENTITY, render(&app, &visitor, &link, given, Some(&wrong)));
            Ok(visitor.answer(&app, page))
        }
    }
}
