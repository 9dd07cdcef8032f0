//! A new project.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use terrane_app::organizations::OrganizationView;
use terrane_app::projects::{self, ProjectSettings};
use terrane_app::{App, AppError, organizations};
use terrane_domain::access::{Action, Caller};

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, fault};
use crate::layout::organization_page;
use crate::paths::Path;
use crate::session::SignedIn;

/// Why the button does nothing for who may make no project.
pub(super) const NO_RIGHT: &str = "You need the right to manage the projects of this organization.";

async fn place(app: &App, caller: &Caller, organization: &str) -> PageResult<OrganizationView> {
    let view = organizations::read(app, caller, organization).await?;
    if view.may(Action::CreateProject) { Ok(view) } else { Err(AppError::NotFound.into()) }
}

fn render(
    organization: &OrganizationView,
    (name, description): (&str, &str),
    token: &FormToken,
    wrong: Option<&Wrong>,
) -> Response {
    let field = |label, name| Field { label, name, form: "", wrong, is_disabled: false };
    let body = html! {
        h1 { "New project" }
        p class="quiet" { "A project holds workspaces. Teams that have access to it have access to all of them." }
        (fault(wrong.and_then(|wrong| wrong.beside(&["name", "description"]))))
        form method="post" action={ "/app/" (organization.organization.name) "/new-project" } class="stack" {
            (token.field())
            (field("Name", "name").line(name))
            (field("Description", "description").text(description))
            button { "Create project" }
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, organization_page(organization, "Projects", "New project", &body)).into_response()
}

/// The page.
pub(crate) async fn show_new(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(organization): Path<String>,
) -> PageResult<Response> {
    let organization = place(&app, &caller, &organization).await?;
    Ok(render(&organization, ("", ""), &token, None))
}

/// Makes the project and goes back to the list.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(organization): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let organization = place(&app, &caller, &organization).await?;
    let (name, description) = (form.trimmed("name"), form.lines("description"));
    let settings = ProjectSettings {
        name: Some(name.clone()),
        description: Some(Some(description.clone()).filter(|text| !text.is_empty())),
        ..ProjectSettings::default()
    };
    match projects::create(&app, &caller, &organization.organization.name, settings).await {
        Ok(view) => Ok(Redirect::to(&format!("/app/{}/projects", view.organization)).into_response()),
        Err(error) => Ok(render(&organization, (&name, &description), &token, Some(&Wrong::new(error)?))),
    }
}
