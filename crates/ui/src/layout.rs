//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

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
                script src="/app/assets/run.js" defer {}
            }
            body {
                header class="bar" { a href="/app" class="brand" { "Terrane" } (bar) }
                main { (body) }
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
    let pages = [("profile", "Profile"), ("tokens", "API tokens"), ("sessions", "Sessions")];
    let body = html! {
        nav class="tabs" aria-label="Account" {
            @for (path, name) in pages {
                a href={ "/app/settings/" (path) } aria-current=[(name == title).then_some("page")] { (name) }
            }
        }
        (body)
    };
    page(title, &body)
}
