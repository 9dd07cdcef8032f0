//! Discovery, ping and health. Source: `svchost/disco/disco.go`, `go-tfe/tfe.go`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use terrane_app::App;
use terrane_domain::authorization_codes::{CLIENT_ID, PORTS};

use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/.well-known/terraform.json", Access::Public, services)
        .get("/api/v2/ping", Access::Public, ping)
        .get("/healthz", Access::Public, healthz)
        .get("/readyz", Access::Public, readyz)
}

async fn services() -> Response {
    let services = json!({
        "login.v1": {
            "client": CLIENT_ID,
            "grant_types": ["authz_code"],
            "authz": "/oauth/authorization",
            "token": "/oauth/token",
            "ports": [PORTS.start(), PORTS.end()],
        },
        "tfe.v2": "/api/v2/",
        "tfe.v2.1": "/api/v2/",
        "tfe.v2.2": "/api/v2/",
        "state.v2": "/api/v2/",
    });
    Json(services).into_response()
}

/// Clients read the headers only, which every answer has.
async fn ping() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can do its work: each part named, with what is wrong with it.
async fn readyz(State(app): State<App>) -> Response {
    match app.store().ready().await {
        Ok(()) => (StatusCode::OK, Json(json!({ "database": "ok" }))).into_response(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "database": "failing; see the server's log" })))
                .into_response()
        }
    }
}
