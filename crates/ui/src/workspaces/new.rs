//! A new workspace.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use terrane_app::organizations::OrganizationView;
use terrane_app::projects::{self, ProjectFilter};
use terrane_app::workspaces::{self, WorkspaceSettings};
use terrane_app::{App, AppError, organizations};
use terrane_domain::access::{Action, Caller};

use super::fields::{self, FIELDS, Values};
use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, button, fault};
use crate::layout::organization_page;
use crate::paths::Path;
use crate::session::SignedIn;

/// Why the button does nothing for who may make a workspace nowhere.
pub(super) const NO_RIGHT: &str = "You need the right to make workspaces in one of the projects.";
/// More projects than a list to choose from can have.
const MOST_PROJECTS: i64 = 500;

/// Projects in which the caller may make workspaces, as ids and names.
async fn places(app: &App, caller: &Caller, organization: &str, limit: i64) -> PageResult<Vec<(String, String)>> {
    let wanted = vec![Action::CreateWorkspace];
    let found = projects::list(app, caller, organization, ProjectFilter::default(), wanted, (limit, 0)).await?;
    Ok(found.views.into_iter().map(|view| (view.project.id.to_string(), view.project.name)).collect())
}

/// Whether the caller may make a workspace in any project.
pub(super) async fn is_allowed(app: &App, caller: &Caller, organization: &OrganizationView) -> PageResult<bool> {
    let name = &organization.organization.name;
    Ok(organization.may_create_workspace || !places(app, caller, name, 1).await?.is_empty())
}

async fn answer(
    app: &App,
    caller: &Caller,
    organization: &OrganizationView,
    token: &FormToken,
    (values, project): (&Values, &str),
    wrong: Option<&Wrong>,
) -> PageResult<Response> {
    let name = &organization.organization.name;
    let places = places(app, caller, name, MOST_PROJECTS).await?;
    let modes = fields::modes(app, caller, name, None, &values.execution).await?;
    let may = !places.is_empty();
    let choices: Vec<_> = places.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let field = Field { label: "Project", name: "project", form: "", wrong, is_disabled: !may };
    let body = html! {
        h1 { "New workspace" }
        (fault(wrong.and_then(|wrong| wrong.beside(&FIELDS))))
        form method="post" action={ "/app/" (name) "/new-workspace" } class="stack" {
            (token.field())
            (fields::render(values, &modes, wrong, may, &field.choice(&choices, project)))
            (button("Create workspace", (!may).then_some(NO_RIGHT)))
        }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, organization_page(organization, "Workspaces", "New workspace", &body)).into_response())
}

/// The page.
pub(crate) async fn show_new(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(organization): Path<String>,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let project = organization.organization.default_project_id.to_string();
    answer(&app, &caller, &organization, &token, (&Values::new(), &project), None).await
}

/// Makes the workspace, and shows how a configuration is connected to it.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(organization): Path<String>,
    form: Submitted,
) -> PageResult<Response> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let (values, project) = (Values::sent(&form), form.text("project"));
    let project_id = form.get("project").map(|id| id.parse().map_err(|_| AppError::NotFound)).transpose()?;
    let settings = WorkspaceSettings { project_id, ..values.settings(&Values::new()) };
    match workspaces::create(&app, &caller, &organization.organization.name, settings).await {
        Ok(view) => {
            let next = format!("/app/{}/workspaces/{}/connect", view.organization, view.workspace.name);
            Ok(Redirect::to(&next).into_response())
        }
        Err(error) => {
            let wrong = Wrong::new(error)?;
            answer(&app, &caller, &organization, &token, (&values, &project), Some(&wrong)).await
        }
    }
}
