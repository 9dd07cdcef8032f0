//! One team: its name, who is in it, what it may do.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use terrane_app::organization_memberships::{self, MembershipFilter};
use terrane_app::organizations::{self, OrganizationView};
use terrane_app::team_members::{self, People};
use terrane_app::teams::{self, TeamSettings, TeamView};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, Caller};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};

use super::{VISIBILITIES, organization_access, visibility};
use crate::error::PageResult;
use crate::forms::{Field, FormToken, Submitted, Wrong, button, copyable, fault};
use crate::layout::organization_page;
use crate::paths::Path;
use crate::session::SignedIn;

/// More people than are proposed; others are named in full.
const MOST_PROPOSED: i64 = 100;
/// What names a person in the form.
const PERSON: &str = "person";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Settings,
    OrganizationAccess,
    Members,
}

/// A form that was refused, and why.
struct Refused {
    part: Part,
    form: Submitted,
    wrong: Wrong,
}

/// The team that an address means, and its organization.
pub(crate) struct Found {
    pub(crate) organization: OrganizationView,
    pub(crate) view: TeamView,
}

impl Found {
    pub(crate) async fn read(app: &App, caller: &Caller, organization: &str, team: &str) -> PageResult<Self> {
        let organization = organizations::read(app, caller, organization).await?;
        let id = team.parse().map_err(|_| AppError::NotFound)?;
        let view = teams::read(app, caller, id, true).await?;
        if view.organization != organization.organization.name {
            return Err(AppError::NotFound.into());
        }
        Ok(Self { organization, view })
    }

    /// The address of the list of teams.
    pub(crate) fn list(&self) -> String {
        format!("/app/{}/settings/teams", self.view.organization)
    }

    /// The address of the team's page.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.list(), self.view.team.id)
    }

    fn why_not(&self, action: Action, of_owners: &'static str, no_right: &'static str) -> Option<&'static str> {
        if self.view.team.is_owners() && action != Action::ManageTeamMembers {
            Some(of_owners)
        } else {
            (!self.view.may(action)).then_some(no_right)
        }
    }

    fn settings(&self, token: &FormToken, refused: Option<&Refused>) -> Markup {
        let why_not = self.why_not(
            Action::UpdateTeam,
            "The owners team keeps its name, stays secret and cannot be deleted.",
            "You need the right to manage this team.",
        );
        let wrong = refused.map(|refused| &refused.wrong);
        let team = &self.view.team;
        let name = refused.map_or_else(|| team.name.clone(), |refused| refused.form.trimmed("name"));
        let chosen = refused.and_then(|refused| visibility(&refused.form)).unwrap_or(team.visibility);
        let field = |label, name| Field { label, name, form: "", wrong, is_disabled: why_not.is_some() };
        let here = self.address();
        html! {
            section {
                h2 { "Name and visibility" }
                (fault(wrong.and_then(|wrong| wrong.beside(&["name", "visibility"]))))
                form method="post" action=(here) class="stack" {
                    (token.field())
                    (field("Name", "name").line(&name))
                    (field("Visibility", "visibility").choice(&VISIBILITIES, chosen.as_str()))
                    (button("Save", why_not))
                }
                @if why_not.is_none() {
                    details {
                        summary { "Delete this team" }
                        form method="post" action={ (here) "/delete" } class="stack" {
                            (token.field())
                            p class="quiet" { "Its members lose what it gave them, at once; its tokens end." }
                            button class="danger" { "Delete for good" }
                        }
                    }
                }
            }
        }
    }

    fn organization_access(&self, token: &FormToken, refused: Option<&Refused>) -> Markup {
        let why_not = self.why_not(
            Action::UpdateTeamAccess,
            "Owners may do everything.",
            "You need the right to change what teams may do in this organization.",
        );
        let wrong = refused.map(|refused| &refused.wrong);
        let sent = refused.map(|refused| &refused.form);
        html! {
            section {
                h2 { "Organization access" }
                p class="quiet" { (organization_access::in_words(&self.view.team)) }
                (fault(wrong.and_then(|wrong| wrong.beside(&[]))))
                form method="post" action={ (self.address()) "/organization-access" } {
                    (token.field())
                    (organization_access::boxes(&self.view.team, sent, wrong, why_not.is_none()))
                    div class="actions" { (button("Save rights", why_not)) }
                }
            }
        }
    }

    /// Addresses are for who may read the members of the organization.
    fn person(&self, membership: &OrganizationMembership) -> String {
        let user = self.view.users.iter().find(|user| user.id == membership.user_id && !user.is_placeholder());
        match user {
            Some(user) => user.username.clone(),
            None if self.organization.may(Action::ReadMembership) => membership.email.clone(),
            None => "somebody".to_owned(),
        }
    }

    fn members(&self, token: &FormToken, proposed: &[String], refused: Option<&Refused>) -> Markup {
        let why_not =
            self.why_not(Action::ManageTeamMembers, "", "You need the right to manage the membership of this team.");
        let wrong = refused.map(|refused| &refused.wrong);
        let sent = refused.map(|refused| refused.form.trimmed(PERSON)).unwrap_or_default();
        let here = format!("{}/members", self.address());
        html! {
            section {
                h2 { "Members" }
                @if self.view.memberships.is_empty() {
                    p class="quiet" { "Nobody yet." }
                } @else {
                    ul class="list" {
                        @for membership in &self.view.memberships {
                            @let person = self.person(membership);
                            li {
                                span class="grow" { (person) }
                                @if membership.status == MembershipStatus::Invited { span class="badge ask" { "invited" } }
                                @if why_not.is_none() {
                                    form method="post" action={ (here) "/" (membership.id) "/delete" } {
                                        (token.field())
                                        button aria-label={ "Take " (person) " out of the team" } { "Take out" }
                                    }
                                }
                            }
                        }
                    }
                }
                form method="post" action=(here) class="stack" {
                    (token.field())
                    label for=(PERSON) { "Username or email" }
                    input id=(PERSON) name=(PERSON) type="text" value=(sent) list="people" autocomplete="off" spellcheck="false"
                        aria-invalid=[wrong.map(|_| "true")] aria-describedby=[wrong.map(|_| "person-fault")] disabled[why_not.is_some()];
                    datalist id="people" { @for person in proposed { option value=(person) {} } }
                    @if let Some(text) = wrong.and_then(|wrong| wrong.beside(&[])) {
                        p class="note fault" id="person-fault" role="alert" { (text) }
                    }
                    (button("Add to the team", why_not))
                }
            }
        }
    }

    /// Members of the organization who are not in the team, to choose from.
    async fn proposed(&self, app: &App, caller: &Caller) -> PageResult<Vec<String>> {
        if !self.organization.may(Action::ReadMembership) || !self.view.may(Action::ManageTeamMembers) {
            return Ok(Vec::new());
        }
        let (name, filter) = (&self.view.organization, MembershipFilter::default());
        let page = (MOST_PROPOSED, 0);
        let found = organization_memberships::list(app, caller, name, filter, Vec::new(), page).await?;
        let is_in = |id| self.view.memberships.iter().any(|membership| membership.id == id);
        let others = found.views.into_iter().filter(|other| !is_in(other.membership.id.clone()));
        let name = |user: terrane_domain::users::User, email| if user.is_placeholder() { email } else { user.username };
        Ok(others.map(|other| name(other.user, other.membership.email)).collect())
    }

    async fn answer(
        &self,
        app: &App,
        caller: &Caller,
        token: &FormToken,
        refused: Option<Refused>,
    ) -> PageResult<Response> {
        let proposed = self.proposed(app, caller).await?;
        let of = |part| refused.as_ref().filter(|refused| refused.part == part);
        let body = html! {
            p class="path" { a href=(self.list()) { "Teams" } " / " (self.view.team.name) }
            h1 { (self.view.team.name) }
            (self.members(token, &proposed, of(Part::Members)))
            (self.organization_access(token, of(Part::OrganizationAccess)))
            (self.settings(token, of(Part::Settings)))
            @if self.view.may(Action::ManageTeamTokens) {
                section {
                    h2 { "API tokens" }
                    p { a href={ (self.address()) "/tokens" } { "Tokens of this team" } }
                }
            }
            p class="quiet" { "Id " (copyable(self.view.team.id.as_str(), "id")) }
        };
        let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, organization_page(&self.organization, "Teams", &self.view.team.name, &body)).into_response())
    }

    /// Back to the page after what worked, or the page with what was refused.
    async fn settle<T>(
        &self,
        app: &App,
        caller: &Caller,
        token: &FormToken,
        done: Result<T, AppError>,
        (part, form): (Part, Submitted),
    ) -> PageResult<Response> {
        match done {
            Ok(_) => Ok(Redirect::to(&self.address()).into_response()),
            Err(error) => {
                let refused = Refused { part, form, wrong: Wrong::new(error)? };
                self.answer(app, caller, token, Some(refused)).await
            }
        }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
) -> PageResult<Response> {
    Found::read(&app, &caller, &organization, &team).await?.answer(&app, &caller, &token, None).await
}

/// Changes name and visibility.
pub(crate) async fn update(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = Found::read(&app, &caller, &organization, &team).await?;
    let settings =
        TeamSettings { name: Some(form.trimmed("name")), visibility: visibility(&form), ..TeamSettings::default() };
    let done = teams::update(&app, &caller, found.view.team.id.clone(), settings).await;
    found.settle(&app, &caller, &token, done, (Part::Settings, form)).await
}

/// Changes what it may do in the whole organization.
pub(crate) async fn update_access(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = Found::read(&app, &caller, &organization, &team).await?;
    let organization_access = organization_access::changes(&found.view.team, &form);
    let settings = TeamSettings { organization_access, ..TeamSettings::default() };
    let done = teams::update(&app, &caller, found.view.team.id.clone(), settings).await;
    found.settle(&app, &caller, &token, done, (Part::OrganizationAccess, form)).await
}

/// Deletes it.
pub(crate) async fn delete(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, team)): Path<(String, String)>,
) -> PageResult<Response> {
    let found = Found::read(&app, &caller, &organization, &team).await?;
    teams::delete(&app, &caller, found.view.team.id.clone()).await?;
    Ok(Redirect::to(&found.list()).into_response())
}

/// The membership of an address, or the person of a name.
async fn people(app: &App, caller: &Caller, found: &Found, person: String) -> Result<People, AppError> {
    if person.is_empty() {
        return Err(AppError::invalid(PERSON, "Name the person whom you want in the team"));
    }
    if !person.contains('@') {
        return Ok(People::Usernames(vec![person]));
    }
    let (name, filter) = (&found.view.organization, MembershipFilter::default());
    let page = organization_memberships::list(app, caller, name, filter, vec![person.clone()], (1, 0)).await?;
    let stranger = || {
        let detail = format!("{person} is no member of the organization; invite this person first");
        AppError::invalid(PERSON, detail)
    };
    let view = page.views.into_iter().next().ok_or_else(stranger)?;
    Ok(People::Memberships(vec![view.membership.id]))
}

/// Puts a person into it.
pub(crate) async fn add_member(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = Found::read(&app, &caller, &organization, &team).await?;
    let done = match people(&app, &caller, &found, form.trimmed(PERSON)).await {
        Ok(people) => team_members::add(&app, &caller, found.view.team.id.clone(), people).await,
        Err(error) => Err(error),
    };
    found.settle(&app, &caller, &token, done, (Part::Members, form)).await
}

/// Takes a person out of it.
pub(crate) async fn remove_member(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, team, membership)): Path<(String, String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let found = Found::read(&app, &caller, &organization, &team).await?;
    let id = membership.parse().map_err(|_| AppError::NotFound)?;
    let is_own = |other: &OrganizationMembership| other.id == id && caller.user_id() == Some(&other.user_id);
    let leaves = found.view.memberships.iter().any(is_own);
    let done = team_members::remove(&app, &caller, found.view.team.id.clone(), People::Memberships(vec![id])).await;
    if leaves && done.is_ok() {
        // Who has left a team may not see it any more.
        return Ok(Redirect::to(&found.list()).into_response());
    }
    found.settle(&app, &caller, &token, done, (Part::Members, form)).await
}
