//! The exchange of a code for a token, the second half of `terraform login`; the first is a page.
//! Source: `internal/command/login.go` of terraform, RFC 6749 section 5, RFC 7636.

use axum::Form;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use terrane_app::authorization_codes::{Exchange, exchange};
use terrane_app::callers::Secret;
use terrane_app::{App, AppError};

use crate::error::ApiResult;
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    Routes::default().post("/oauth/token", Access::Public, token)
}

/// What the CLI sends, as a form.
#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: String,
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

fn refused(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

async fn token(State(app): State<App>, request: Result<Form<TokenRequest>, FormRejection>) -> ApiResult<Response> {
    let Ok(Form(request)) = request else { return Ok(refused("invalid_request")) };
    if request.grant_type != "authorization_code" {
        return Ok(refused("unsupported_grant_type"));
    }
    let shown = Exchange {
        client_id: request.client_id,
        code: Secret::new(request.code),
        code_verifier: Secret::new(request.code_verifier),
        redirect_uri: request.redirect_uri,
    };
    match exchange(&app, shown).await {
        Ok(token) => {
            let answer = json!({ "access_token": token.reveal(), "token_type": "bearer" });
            Ok(Json(answer).into_response())
        }
        Err(AppError::Unauthorized) => Ok(refused("invalid_grant")),
        Err(error) => Err(error.into()),
    }
}
