//! The frame of every page.

use maud::{DOCTYPE, Markup, html};
use terrane_app::organizations::OrganizationView;
use terrane_app::workspaces::WorkspaceView;
use terrane_domain::access::Action;

use crate::forms::Parameters;

fn frame(title: &str, bar: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Terrane" }
                link rel="stylesheet" href="/app/assets/style.css";
                link rel="icon" href="/app/assets/icon.svg" type="image/svg+xml";
                script src="/app/assets/pages.js" defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header class="bar" { a href="/app" class="brand" { "Terrane" } (bar) }
                main id="main" tabindex="-1" { (body) }
            }
        }
    }
}

/// A whole page.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    let bar =
        html! { nav aria-label="Main" { a href="/app" { "Workspaces" } a href="/app/settings/profile" { "Account" } } };
    frame(title, &bar, body)
}

/// A page for somebody who is not signed in: narrow, and with nothing to go to.
pub(crate) fn door(title: &str, body: &Markup) -> Markup {
    frame(title, &html! {}, &html! { div class="door" { (body) } })
}

/// A page of the account, with the way to the others.
pub(crate) fn account_page(title: &str, body: &Markup) -> Markup {
    let pages = [("/profile", "Profile"), ("/tokens", "API tokens"), ("/sessions", "Sessions")];
    let body = html! {
        (tabs("Account", "/app/settings", &pages, title))
        (body)
    };
    page(title, &body)
}

fn tabs(label: &str, base: &str, pages: &[(&str, &str)], current: &str) -> Markup {
    html! {
        nav class="tabs" aria-label=(label) {
            @for (path, name) in pages {
                a href={ (base) (path) } aria-current=[(*name == current).then_some("page")] { (name) }
            }
        }
    }
}

/// A page of an organization, with the way to the others that the caller may see; `tab` is the one that it belongs to.
pub(crate) fn organization_page(view: &OrganizationView, tab: &str, title: &str, body: &Markup) -> Markup {
    let organization = &view.organization.name;
    let mut pages = vec![("/workspaces", "Workspaces"), ("/projects", "Projects"), ("/settings/teams", "Teams")];
    if view.may(Action::ReadMembership) {
        pages.push(("/settings/members", "Members"));
    }
    let body = html! {
        p class="path" { a href="/app" { "Organizations" } " / " a href={ "/app/" (organization) "/workspaces" } { (organization) } }
        (tabs("Organization", &format!("/app/{organization}"), &pages, tab))
        (body)
    };
    page(&format!("{title} · {organization}"), &body)
}

/// A page of a workspace, with the way to the others that the caller may see.
pub(crate) fn workspace_page(view: &WorkspaceView, title: &str, body: &Markup) -> Markup {
    let (organization, name) = (&view.organization, &view.workspace.name);
    let list = format!("/app/{organization}/workspaces");
    let mut pages = vec![("", "Runs")];
    if view.may(Action::ReadState) || view.may(Action::ReadStateOutputs) {
        pages.push(("/states", "States"));
    }
    if view.may(Action::ReadVariables) {
        pages.push(("/variables", "Variables"));
    }
    if view.may(Action::ReadWorkspaceTeams) {
        pages.push(("/team-access", "Team access"));
    }
    pages.push(("/settings", "Settings"));
    let body = html! {
        p class="path" { a href="/app" { "Organizations" } " / " a href=(list) { (organization) } }
        h1 { (name) }
        (tabs("Workspace", &format!("{list}/{name}"), &pages, title))
        (body)
    };
    page(&format!("{title} · {name}"), &body)
}

/// How many rows a page of a list has.
pub(crate) const ROWS: i64 = 25;

/// Where in a list a page stands, by the number in its address.
pub(crate) struct Pager {
    number: i64,
}

impl Default for Pager {
    fn default() -> Self {
        Self { number: 1 }
    }
}

impl Pager {
    /// The page that the address asks for; the first, if it asks for none.
    pub(crate) fn new(query: &Parameters) -> Self {
        let number = query.get("page").and_then(|text| text.parse().ok()).unwrap_or(1);
        Self { number: number.clamp(1, 1_000_000) }
    }

    /// How many rows stand before this page.
    pub(crate) const fn offset(&self) -> i64 {
        (self.number - 1) * ROWS
    }

    /// What is shown of how many, and the way to the neighbours. `kept` are the other parts of the address.
    pub(crate) fn render(&self, path: &str, kept: &[(&str, &str)], total: i64) -> Markup {
        let last = (total + ROWS - 1) / ROWS;
        let link = |number: i64, name: &str| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(kept).append_pair("page", &number.to_string());
            html! { a href={ (path) "?" (query.finish()) } { (name) } }
        };
        html! {
            nav class="pages" aria-label="Pages" {
                @if self.number > last && total > 0 {
                    span class="quiet" { "The list of " (total) " ends before this page." }
                } @else if total > 0 {
                    span class="quiet" { (self.offset() + 1) "–" (total.min(self.offset() + ROWS)) " of " (total) }
                }
                @if self.number > 1 { (link(1, "First")) (link(last.clamp(1, self.number - 1), "Previous")) }
                @if self.number < last { (link(self.number + 1, "Next")) (link(last, "Last")) }
            }
        }
    }
}
