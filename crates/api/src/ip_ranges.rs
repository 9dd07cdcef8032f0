//! The addresses from which this server speaks to others. Source: `api-docs/ip-ranges.mdx`.

use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use terrane_app::App;

use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().get("/api/meta/ip-ranges", Access::Public, show)
}

/// Plain JSON. Clients ask with `If-Modified-Since` whether anything is new.
async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let ranges = app.ip_ranges();
    // An HTTP date knows no part of a second.
    let since = Duration::from_secs(u64::try_from(ranges.since.as_micros() / 1_000_000).unwrap_or(0));
    let since = SystemTime::UNIX_EPOCH + since;
    let asked = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let last_modified = [(header::LAST_MODIFIED, httpdate::fmt_http_date(since))];
    if asked.and_then(|date| httpdate::parse_http_date(date).ok()).is_some_and(|asked| asked >= since) {
        return (StatusCode::NOT_MODIFIED, last_modified).into_response();
    }
    let ranges = &ranges.ranges;
    let body = json!({ "api": ranges, "notifications": ranges, "sentinel": ranges, "vcs": ranges });
    (last_modified, axum::Json(body)).into_response()
}
