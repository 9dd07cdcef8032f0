//! The three steps from a configuration to its workspace.

use axum::extract::State;
use maud::{Markup, html};
use terrane_app::{App, workspaces};

use super::key;
use crate::error::PageResult;
use crate::forms::{copyable, copyable_block};
use crate::layout::workspace_page;
use crate::paths::Path;
use crate::session::SignedIn;

/// The steps, for a workspace of this name.
pub(super) fn steps(app: &App, organization: &str, workspace: &str) -> Markup {
    let host = app.public_url().trim_start_matches("https://").trim_start_matches("http://");
    let block = format!(
        "terraform {{\n  cloud {{\n    hostname     = \"{host}\"\n    organization = \"{organization}\"\n    workspaces {{\n      name = \"{workspace}\"\n    }}\n  }}\n}}"
    );
    html! {
        ol class="steps" {
            li {
                p { "Put this into your configuration, in the place of a " code { "backend" } " block if there is one." }
                (copyable_block(&block, "configuration"))
            }
            li {
                @if app.is_https() {
                    p { "Give the command line a token, once on each machine. It opens this site in your browser." }
                    p { (copyable(&format!("terraform login {host}"), "command")) }
                } @else {
                    p { "Name the configuration of the command line that " code { "terrane dev" } " wrote into its data folder; a token is in it." }
                    p { (copyable("export TF_CLI_CONFIG_FILE=\"$PWD/terrane-data/dev.tfrc\"", "command")) }
                    p class="quiet" { code { "terraform login" } " needs TLS, which this server does not have." }
                }
            }
            li {
                p { "Connect. A state that you have already is offered to be copied." }
                p { (copyable("terraform init", "command")) }
            }
        }
        p class="quiet" { "Then " code { "terraform plan" } " runs here and shows at your prompt." }
    }
}

/// The page.
pub(crate) async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, workspace)): Path<(String, String)>,
) -> PageResult<Markup> {
    let view = workspaces::read(&app, &caller, key(&organization, &workspace)).await?;
    let body = html! {
        h2 { "Connect a configuration" }
        (steps(&app, &organization, &workspace))
        p { a href={ "/app/" (organization) "/workspaces/" (workspace) } { "To the runs of " (workspace) } }
    };
    Ok(workspace_page(&view, "Connect", &body))
}
