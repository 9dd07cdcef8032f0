//! Style, script and icon, inside the binary.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use terrane_app::AppError;

use crate::error::PageResult;
use crate::paths::Path;

/// Answers one of them.
pub(crate) async fn serve(Path(name): Path<String>) -> PageResult<Response> {
    let (kind, text) = match name.as_str() {
        "style.css" => ("text/css; charset=utf-8", include_str!("../assets/style.css")),
        "pages.js" => ("text/javascript; charset=utf-8", include_str!("../assets/pages.js")),
        "icon.svg" => ("image/svg+xml", include_str!("../assets/icon.svg")),
        _ => return Err(AppError::NotFound.into()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], text).into_response())
}
