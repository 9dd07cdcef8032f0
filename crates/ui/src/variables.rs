//! A workspace's variables: the list, and the forms that add, change and delete.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::variables::{self, VariableKey};
use terrane_app::workspaces::{self, WorkspaceView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::variables::{Variable, VariableCategory, VariableChange};

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, button, fault, with_plain_breaks};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;
use crate::workspaces::key;

const FIELDS: [&str; 6] = ["key", "value", "description", "category", "hcl", "sensitive"];
const CATEGORIES: [(&str, &str); 2] =
    [("terraform", "Terraform: an input variable"), ("env", "Environment: of the run's shell")];
const NO_RIGHT: &str = "You need the right to write variables in this workspace.";

/// A form that was refused: the variable that it was for, if it was for one, what it said, and why.
struct Refused {
    id: Option<String>,
    form: Submitted,
    wrong: Wrong,
}

/// What stands in the fields.
struct Values {
    key: String,
    value: String,
    description: String,
    category: String,
    hcl: bool,
    sensitive: bool,
}

impl Values {
    fn of(variable: &Variable) -> Self {
        Self {
            key: variable.key.clone(),
            value: if variable.sensitive { String::new() } else { variable.value.clone() },
            description: variable.description.clone(),
            category: variable.category.as_str().to_owned(),
            hcl: variable.hcl,
            sensitive: variable.sensitive,
        }
    }

    /// As they were sent. A value that is or becomes sensitive is not shown again.
    fn sent(form: &Submitted, is_sensitive: bool) -> Self {
        let sensitive = is_sensitive || form.is_ticked("sensitive");
        Self {
            key: form.text("key"),
            value: if sensitive { String::new() } else { form.lines("value") },
            description: form.lines("description"),
            category: form.text("category"),
            hcl: form.is_ticked("hcl"),
            sensitive,
        }
    }
}

fn fields(form: &str, values: &Values, known: Option<&Variable>, wrong: Option<&Wrong>) -> Markup {
    let is_fixed = known.is_some_and(|variable| variable.sensitive);
    let field = |label, name| Field { label, name, form, wrong, is_disabled: false };
    let fixed = |label, name| Field { is_disabled: is_fixed, ..field(label, name) };
    html! {
        (fault(wrong.and_then(|wrong| wrong.beside(&FIELDS))))
        (fixed("Key", "key").line(&values.key))
        (field(if is_fixed { "New value (empty: keep the one it has)" } else { "Value" }, "value").text(&values.value))
        (fixed("Category", "category").choice(&CATEGORIES, &values.category))
        (fixed("The value is an HCL expression", "hcl").tick(values.hcl))
        (fixed("Sensitive", "sensitive").tick(values.sensitive))
        p class="quiet" {
            @if is_fixed {
                "Sensitive: the value is given to runs and never shown again. Only value and description can change; to change more, delete the variable and add it anew."
            } @else {
                "A sensitive value can be written, but never read again, and a sensitive variable stays one."
            }
        }
        (field("Description", "description").text(&values.description))
    }
}

fn row(here: &str, variable: &Variable, may_write: bool, token: &FormToken, refused: Option<&Refused>) -> Markup {
    let id = variable.id.as_str();
    let refused = refused.filter(|refused| refused.id.as_deref() == Some(id));
    let values = refused.map_or_else(
        || Values::of(variable),
        |refused| {
            let sent = Values::sent(&refused.form, variable.sensitive);
            if !variable.sensitive {
                return sent;
            }
            // What is fixed was not sent.
            Values { description: sent.description, ..Values::of(variable) }
        },
    );
    html! {
        li {
            span class="grow" {
                code { (variable.key) }
                @if !variable.description.is_empty() { br; span class="quiet" { (variable.description) } }
            }
            span class="grow" {
                @if variable.sensitive { span class="quiet" { "sensitive, written once" } }
                @else if variable.value.is_empty() { span class="quiet" { "empty" } }
                @else { code class="value" { (variable.value) } }
            }
            span class="quiet" { (variable.category) @if variable.hcl { ", HCL" } }
            @if may_write {
                details open[refused.is_some()] {
                    summary aria-label={ "Change " (variable.key) } { "Change" }
                    form method="post" action={ (here) "/" (id) } class="stack" {
                        (token.field())
                        (fields(id, &values, Some(variable), refused.map(|refused| &refused.wrong)))
                        button class="primary" { "Save" }
                    }
                    form method="post" action={ (here) "/" (id) "/delete" } class="actions" {
                        (token.field())
                        button class="danger" aria-label={ "Delete " (variable.key) } { "Delete for good" }
                    }
                }
            }
        }
    }
}

fn addition(here: &str, may_write: bool, token: &FormToken, refused: Option<&Refused>) -> Markup {
    let refused = refused.filter(|refused| refused.id.is_none());
    let empty = || Values {
        key: String::new(),
        value: String::new(),
        description: String::new(),
        category: VariableCategory::Terraform.as_str().to_owned(),
        hcl: false,
        sensitive: false,
    };
    let values = refused.map_or_else(empty, |refused| Values::sent(&refused.form, false));
    html! {
        section {
            h2 { "New variable" }
            @if may_write {
                form method="post" action=(here) class="stack" {
                    (token.field())
                    (fields("", &values, None, refused.map(|refused| &refused.wrong)))
                    button class="primary" { "Add variable" }
                }
            } @else {
                div class="actions" { (button("Add variable", Some(NO_RIGHT))) }
            }
        }
    }
}

fn address(view: &WorkspaceView) -> String {
    format!("/app/{}/workspaces/{}/variables", view.organization, view.workspace.name)
}

async fn answer(
    app: &App,
    caller: &Caller,
    view: &WorkspaceView,
    token: &FormToken,
    refused: Option<Refused>,
) -> PageResult<Response> {
    let variables = variables::list(app, caller, key(&view.organization, &view.workspace.name)).await?;
    let here = address(view);
    let may_write = view.may(Action::WriteVariables);
    let body = html! {
        @if variables.is_empty() {
            p class="quiet" { "No variable yet. Those that you add here are given to every run of this workspace." }
        } @else {
            ul class="list" { @for variable in &variables { (row(&here, variable, may_write, token, refused.as_ref())) } }
        }
        (addition(&here, may_write, token, refused.as_ref()))
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, workspace_page(view, "Variables", &body)).into_response())
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Response> {
    let view = workspaces::read(&app, &caller, key(&organization, &workspace)).await?;
    answer(&app, &caller, &view, &token, None).await
}

/// Adds a variable.
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, workspace)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let key = key(&organization, &workspace);
    let view = workspaces::read(&app, &caller, key.clone()).await?;
    let change = VariableChange {
        key: Some(form.trimmed("key")),
        value: Some(form.lines("value")),
        description: Some(form.lines("description")),
        category: Some(form.text("category")),
        hcl: Some(form.is_ticked("hcl")),
        sensitive: Some(form.is_ticked("sensitive")),
    };
    match variables::create(&app, &caller, key, change).await {
        Ok(_) => Ok(Redirect::to(&address(&view)).into_response()),
        Err(error) => {
            let refused = Refused { id: None, wrong: Wrong::new(error)?, form };
            answer(&app, &caller, &view, &token, Some(refused)).await
        }
    }
}

/// The workspace, and the variable if it is one of it.
async fn find(app: &App, caller: &Caller, path: &(String, String, String)) -> PageResult<(WorkspaceView, VariableKey)> {
    let view = workspaces::read(app, caller, key(&path.0, &path.1)).await?;
    let id = path.2.parse().map_err(|_| AppError::NotFound)?;
    let workspace_id = Some(view.workspace.id.clone());
    Ok((view, VariableKey { id, workspace_id }))
}

/// Changes a variable. What is fixed of a sensitive one is not sent by the page, so it is not named.
pub(crate) async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path(path): Path<(String, String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let (view, key) = find(&app, &caller, &path).await?;
    let before = variables::read(&app, &caller, key.clone()).await?;
    // A page cannot keep every kind of line break; what was not touched stays as it is.
    let value = Some(form.lines("value")).filter(|value| *value != with_plain_breaks(&before.value));
    let description = Some(form.lines("description"));
    let change = if before.sensitive {
        VariableChange { value: value.filter(|value| !value.is_empty()), description, ..VariableChange::default() }
    } else {
        VariableChange {
            key: Some(form.trimmed("key")),
            value,
            description,
            category: Some(form.text("category")),
            hcl: Some(form.is_ticked("hcl")),
            sensitive: Some(form.is_ticked("sensitive")),
        }
    };
    match variables::update(&app, &caller, key, change).await {
        Ok(_) => Ok(Redirect::to(&address(&view)).into_response()),
        Err(error) => {
            let refused = Refused { id: Some(path.2), wrong: Wrong::new(error)?, form };
            answer(&app, &caller, &view, &token, Some(refused)).await
        }
    }
}

/// Deletes a variable.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path(path): Path<(String, String, String)>,
) -> PageResult<Response> {
    let (view, key) = find(&app, &caller, &path).await?;
    variables::delete(&app, &caller, key).await?;
    Ok(Redirect::to(&address(&view)).into_response())
}
