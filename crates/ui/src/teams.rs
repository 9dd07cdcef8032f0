//! The teams of an organization, to look at.

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::teams::{self, TeamFilter, TeamView};
use terrane_app::{App, organizations};
use terrane_domain::access::Action;
use terrane_domain::organization_memberships::MembershipStatus;
use terrane_domain::teams::TeamVisibility;

use crate::error::PageResult;
use crate::forms::Parameters;
use crate::layout::{Pager, ROWS, organization_page};
use crate::paths::Path;
use crate::session::SignedIn;

fn rights(view: &TeamView) -> Markup {
    let rights: Vec<_> = view.team.effective_access().iter().map(|right| right.as_str().replace('-', " ")).collect();
    html! {
        @if view.team.is_owners() {
            p { "May do everything in the organization." }
        } @else if rights.is_empty() {
            p { "No right in the whole organization; projects and workspaces may give it some." }
        } @else {
            p { "In the whole organization: " (rights.join(", ")) "." }
        }
    }
}

/// Addresses are for who may read the members of the organization.
fn part(view: &TeamView, with_addresses: bool) -> Markup {
    html! {
        section class="card" {
            h2 { (view.team.name) }
            @if view.team.visibility == TeamVisibility::Secret {
                p class="quiet" { "Secret: only its members and who manages teams see it." }
            }
            (rights(view))
            @if view.memberships.is_empty() {
                p class="quiet" { "No member." }
            } @else {
                ul class="plain" aria-label={ "Members of " (view.team.name) } {
                    @for membership in &view.memberships {
                        li {
                            @match view.users.iter().find(|user| user.id == membership.user_id && !user.is_placeholder()) {
                                Some(user) => (user.username)
                                None if with_addresses => (membership.email),
                                None => "somebody"
                            }
                            @if membership.status == MembershipStatus::Invited { span class="quiet" { " (invited)" } }
                        }
                    }
                }
            }
        }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    query: Parameters,
    Path(organization): Path<String>,
) -> PageResult<Markup> {
    let organization = organizations::read(&app, &caller, &organization).await?;
    let name = &organization.organization.name;
    let pager = Pager::new(&query);
    let start = usize::try_from(pager.offset()).unwrap_or(usize::MAX);
    let range = start..start.saturating_add(usize::try_from(ROWS).unwrap_or(0));
    let filter = TeamFilter { with_users: true, ..TeamFilter::default() };
    let (views, total) = teams::list(&app, &caller, name, filter, range).await?;
    let body = html! {
        h1 { "Teams" }
        @if total == 0 { p class="quiet" { "There is no team that you may see." } }
        @for view in &views { (part(view, organization.may(Action::ReadMembership))) }
        (pager.render(&format!("/app/{name}/settings/teams"), &[], i64::try_from(total).unwrap_or(i64::MAX)))
    };
    Ok(organization_page(&organization, "Teams", &body))
}
