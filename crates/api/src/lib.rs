//! The JSON:API front door: `/api/v2`, discovery, signed addresses, the runner protocol.
//!
//! Architecture invariant: a handler extracts, calls one service, and makes a document. No SQL, no rule, no right is
//! decided here; each route declares who may come at all, that declaration is its gate, and a
//! route without one does not compile.

mod account;
mod agent_pools;
mod authorization_codes;
mod blobs;
mod comments;
mod configuration_versions;
mod discovery;
mod entitlement_sets;
mod error;
mod errored_states;
mod extract;
mod feature_sets;
mod include;
mod ip_ranges;
mod organization_memberships;
mod organization_tokens;
mod organizations;
mod plans;
mod projects;
mod remote_state_consumers;
mod reserved_tag_keys;
mod routes;
mod run_events;
mod runner;
mod runs;
mod state_version_outputs;
mod state_versions;
mod tag_bindings;
mod tags;
mod team_access;
mod team_members;
mod team_tokens;
mod teams;
mod tokens;
mod variables;
mod workspace_resources;
mod workspaces;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware;
use terrane_app::App;

pub use routes::{Access, Route, Routes};

/// Every route with its declaration.
fn declared() -> Routes {
    Routes::default()
        .merge(discovery::routes())
        .merge(account::routes())
        .merge(authorization_codes::routes())
        .merge(organizations::routes())
        .merge(entitlement_sets::routes())
        .merge(organization_memberships::routes())
        .merge(organization_tokens::routes())
        .merge(teams::routes())
        .merge(team_members::routes())
        .merge(team_tokens::routes())
        .merge(team_access::routes())
        .merge(tokens::routes())
        .merge(feature_sets::routes())
        .merge(ip_ranges::routes())
        .merge(agent_pools::routes())
        .merge(reserved_tag_keys::routes())
        .merge(projects::routes())
        .merge(workspaces::routes())
        .merge(tags::routes())
        .merge(tag_bindings::routes())
        .merge(remote_state_consumers::routes())
        .merge(variables::routes())
        .merge(comments::routes())
        .merge(configuration_versions::routes())
        .merge(runs::routes())
        .merge(run_events::routes())
        .merge(plans::routes())
        .merge(errored_states::routes())
        .merge(state_versions::routes())
        .merge(state_version_outputs::routes())
        .merge(workspace_resources::routes())
        .merge(blobs::routes())
        .merge(runner::routes())
}

/// The declarations of all routes, for sweeps over them.
pub fn routes() -> Vec<Route> {
    declared().declarations()
}

/// The front door over the services.
pub fn router(app: App) -> Router {
    declared()
        .into_router(&app)
        .fallback(error::no_such_route)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(middleware::map_response(add_headers))
        .with_state(app)
}

/// What clients read of every answer (`go-tfe/tfe.go`): the CLI needs version 2.5 or later.
async fn add_headers(mut response: axum::response::Response) -> axum::response::Response {
    let headers = response.headers_mut();
    headers.insert("tfp-api-version", HeaderValue::from_static("2.6"));
    headers.insert("tfp-appname", HeaderValue::from_static("HCP Terraform"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
