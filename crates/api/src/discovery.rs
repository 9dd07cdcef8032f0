//! Discovery, ping and health. Source: `svchost/disco/disco.go`, `go-tfe/tfe.go`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use terrane_app::App;
use terrane_domain::discovery::services;

use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .get("/.well-known/terraform.json", Access::Public, document)
        .get("/api/v2/ping", Access::Public, ping)
        .get("/healthz", Access::Public, healthz)
        .get("/readyz", Access::Public, readyz)
}

async fn document() -> Json<Map<String, Value>> {
    Json(services(""))
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
