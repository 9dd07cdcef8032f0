//! The frame of every page.

use maud::{DOCTYPE, Markup, html};

/// A whole page.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
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
                header class="bar" { a href="/app" class="brand" { "Terrane" } }
                main { (body) }
            }
        }
    }
}
