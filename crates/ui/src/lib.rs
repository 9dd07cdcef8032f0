//! Server-rendered pages over the same services as the API.
//!
//! Architecture invariant: a page extracts the session, calls services, and renders; it knows neither SQL nor rights.

mod assets;
mod error;
mod layout;
mod logs;
mod runs;
mod session;
mod sign_in;
mod workspaces;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::routing::{get, post};
use terrane_app::App;

/// The pages below `/app`.
pub fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/", get(workspaces::home))
        .route("/app", get(workspaces::home))
        .route("/app/sign-in", get(sign_in::explain))
        .route("/app/sign-in/{link}", get(sign_in::open))
        .route("/app/assets/{name}", get(assets::serve))
        .route("/app/{organization}/workspaces/{workspace}", get(workspaces::show))
        .route("/app/{organization}/workspaces/{workspace}/runs", get(workspaces::show));
    // The CLI prints the shorter form.
    for run in ["/app/{organization}/workspaces/{workspace}/runs/{run}", "/app/{organization}/{workspace}/runs/{run}"] {
        router = router
            .route(run, get(runs::show))
            .route(&format!("{run}/summary"), get(runs::summary))
            .route(&format!("{run}/changes"), get(runs::changes))
            .route(&format!("{run}/logs/{{phase}}"), get(logs::stream))
            .route(&format!("{run}/apply"), post(runs::apply))
            .route(&format!("{run}/discard"), post(runs::discard));
    }
    router.layer(middleware::map_response(add_headers)).with_state(app)
}

/// No inline script or style, nothing from elsewhere, no frame around us.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self' data:";

async fn add_headers(mut response: axum::response::Response) -> axum::response::Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
