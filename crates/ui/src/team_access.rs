//! Which teams have access to a project or a workspace, and what each may do there.
//!
//! Both are one page: a list of teams, each with a level, or with rights that are set one by one.

mod levels;
mod place;
mod projects;
mod workspaces;

use maud::{Markup, html};
use terrane_app::organizations::OrganizationView;
use terrane_app::teams::{self, TeamFilter};
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;
use terrane_domain::ids::TeamId;

pub(crate) use place::{Place, create, delete, show, update};
pub(crate) use projects::Project;
pub(crate) use workspaces::Workspace;

use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, button, fault};
use levels::{CUSTOM, Kind};

/// More teams than a list to choose from can have.
const MOST_TEAMS: i64 = 500;

/// A team's access as the page shows it.
pub(crate) struct Row {
    /// Of the access.
    id: String,
    team_id: TeamId,
    level: &'static str,
    /// What it comes to, as the API names it.
    permissions: serde_json::Value,
}

/// A form that was refused: the access that it was for, if it was for one, and why.
struct Refused {
    id: Option<String>,
    form: Submitted,
    wrong: Wrong,
}

/// All that the page says.
struct Page<'a> {
    kind: &'a Kind,
    here: String,
    rows: Vec<Row>,
    /// The teams that the caller may see, as ids and names.
    teams: Vec<(TeamId, String)>,
    /// Why nothing can be changed.
    why_not: Option<&'static str>,
    refused: Option<Refused>,
}

/// The teams that the caller may see and that are not of owners, who have access to everything.
async fn visible_teams(
    app: &App,
    caller: &Caller,
    organization: &OrganizationView,
) -> PageResult<Vec<(TeamId, String)>> {
    let name = &organization.organization.name;
    let (views, _) = teams::list(app, caller, name, TeamFilter::default(), false, (MOST_TEAMS, 0)).await?;
    let teams = views.into_iter().map(|view| view.team).filter(|team| !team.is_owners());
    Ok(teams.map(|team| (team.id, team.name)).collect())
}

fn team_id(form: &Submitted) -> Result<TeamId, AppError> {
    let Some(id) = form.get("team") else { return Err(AppError::invalid_relation("team", "Choose a team")) };
    id.parse().map_err(|_| AppError::NotFound)
}

impl Page<'_> {
    fn name<'a>(&'a self, row: &'a Row) -> &'a str {
        self.teams.iter().find(|(id, _)| *id == row.team_id).map_or(row.team_id.as_str(), |(_, name)| name)
    }

    /// The level, and the rights for who chooses to set them one by one.
    fn fields(&self, form: &str, level: &str, permissions: &serde_json::Value, refused: Option<&Refused>) -> Markup {
        let wrong = refused.map(|refused| &refused.wrong);
        let sent = |name| refused.and_then(|refused| refused.form.get(name));
        let field = |label, name| Field { label, name, form, wrong, is_disabled: false };
        html! {
            (fault(wrong.and_then(|wrong| wrong.beside(&["access", "team"]))))
            (field("Access", "access").choice(self.kind.levels, sent("access").unwrap_or(level)))
            fieldset class="custom" {
                legend { "Rights one by one" }
                @for right in (self.kind.rights)() {
                    @let options: Vec<_> = right.options();
                    (field(right.label, right.name).choice(&options, sent(right.name).unwrap_or(&right.value(permissions))))
                }
            }
        }
    }

    fn row(&self, row: &Row, token: &FormToken) -> Markup {
        let name = self.name(row);
        let refused = self.refused.as_ref().filter(|refused| refused.id.as_ref() == Some(&row.id));
        html! {
            li {
                span class="grow" {
                    (name)
                    @if row.level == CUSTOM { br; span class="quiet" { (self.kind.in_words(&row.permissions)) } }
                }
                span class="badge" { (row.level) }
                @if self.why_not.is_none() {
                    details open[refused.is_some()] {
                        summary aria-label={ "Change the access of " (name) } { "Change" }
                        form method="post" action={ (self.here) "/" (row.id) } class="stack access" {
                            (token.field())
                            (self.fields(&row.id, row.level, &row.permissions, refused))
                            button class="primary" { "Save" }
                        }
                        form method="post" action={ (self.here) "/" (row.id) "/delete" } class="actions" {
                            (token.field())
                            button class="danger" aria-label={ "Take the access of " (name) " away" } { "Take access away" }
                        }
                    }
                }
            }
        }
    }

    fn addition(&self, token: &FormToken) -> Markup {
        let refused = self.refused.as_ref().filter(|refused| refused.id.is_none());
        let has_access = |id: &TeamId| self.rows.iter().any(|row| row.team_id == *id);
        let sent = refused.and_then(|refused| refused.form.get("team")).unwrap_or_default();
        let is_choice = |id: &TeamId| !has_access(id) || id.as_str() == sent;
        let mut teams = vec![("", "Choose a team")];
        teams.extend(self.teams.iter().filter(|(id, _)| is_choice(id)).map(|(id, name)| (id.as_str(), name.as_str())));
        let wrong = refused.map(|refused| &refused.wrong);
        let team = Field { label: "Team", name: "team", form: "new", wrong, is_disabled: false };
        html! {
            section {
                h2 { "Give access to a team" }
                @if let Some(reason) = self.why_not {
                    div class="actions" { (button("Give access", Some(reason))) }
                } @else if teams.len() == 1 {
                    p class="quiet" { "Every team that you may see has access already." }
                } @else {
                    form method="post" action=(self.here) class="stack access" {
                        (token.field())
                        (team.choice(&teams, sent))
                        (self.fields("new", "read", &serde_json::Value::Null, refused))
                        button class="primary" { "Give access" }
                    }
                }
            }
        }
    }

    /// The list and the forms.
    fn render(&self, token: &FormToken) -> Markup {
        html! {
            @if self.rows.is_empty() {
                p class="quiet" { "No team that you may see has access by itself. Owners may do everything." }
            } @else {
                ul class="list" { @for row in &self.rows { (self.row(row, token)) } }
            }
            (self.addition(token))
        }
    }

    const fn status(&self) -> axum::http::StatusCode {
        if self.refused.is_some() { axum::http::StatusCode::UNPROCESSABLE_ENTITY } else { axum::http::StatusCode::OK }
    }
}
