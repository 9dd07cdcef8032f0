//! `terraform login`: a signed-in person consents, the CLI gets a code, and exchanges it for an API token of the person's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use terrane_domain::access::Caller;
use terrane_domain::authorization_codes::{AuthorizationCode, CLIENT_ID, is_challenge, redirect_port};
use terrane_domain::tokens::{TokenCreator, TokenKind};
use terrane_store::{hex, random_bytes};

use crate::callers::{Secret, new_token};
use crate::{App, AppError, AppResult, events, sessions};

/// The CLI comes back at once.
const CODE_TIME: Duration = Duration::from_mins(1);
/// More than any client sends.
const LONGEST_STATE: usize = 512;

/// What the CLI asks for, by way of the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Where the code goes.
    pub redirect_uri: String,
    /// Port of `redirect_uri`.
    pub port: u16,
    /// Hash of what only the CLI knows.
    pub code_challenge: String,
    /// Goes back as it came.
    pub state: String,
}

impl AuthorizationRequest {
    /// Reads the parameters by name. A request that is not exactly as the CLI makes it is answered to the person, and never
    /// sent anywhere.
    pub fn parse(parameter: impl Fn(&str) -> Option<String>) -> AppResult<Self> {
        let refuse = |text: &str| Err(AppError::BadRequest(format!("{text}; start again with `terraform login`")));
        let required = |name: &str| parameter(name).unwrap_or_default();
        if required("client_id") != CLIENT_ID {
            return refuse("this program is not known here");
        }
        if required("response_type") != "code" {
            return refuse("only authorization codes are given");
        }
        let (redirect_uri, code_challenge) = (required("redirect_uri"), required("code_challenge"));
        let Some(port) = redirect_port(&redirect_uri) else {
            return refuse("the program waits at an address that is not allowed");
        };
        if required("code_challenge_method") != "S256" || !is_challenge(&code_challenge) {
            return refuse("the program does not prove who it is as it must (PKCE with S256)");
        }
        let state = required("state");
        if state.len() > LONGEST_STATE || state.chars().any(char::is_control) {
            return refuse("the program's state is too long");
        }
        Ok(Self { redirect_uri, port, code_challenge, state })
    }
}

/// Makes a code for one use within a minute. Only a person in a browser can consent. `lifetime` is the token's.
pub async fn create(
    app: &App,
    caller: &Caller,
    request: AuthorizationRequest,
    lifetime: Option<Duration>,
) -> AppResult<Secret> {
    let (user_id, session_id) = sessions::own(caller)?;
    let actor = caller.actor();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now();
                let secret = Secret::new(hex(&random_bytes::<32>()));
                let code = AuthorizationCode {
                    user_id,
                    session_id,
                    redirect_uri: request.redirect_uri,
                    code_challenge: request.code_challenge,
                    expires_at: now.plus(CODE_TIME),
                    token_expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
                };
                terrane_store::authorization_codes::insert(tx, &code, secret.reveal()).await?;
                let details = json!({ "client": CLIENT_ID });
                let subject = code.user_id.as_str();
                events::record_of_site(tx, actor, "authorization-code.create", subject, details).await?;
                Ok(secret)
            })
        })
        .await
}

/// What the CLI shows for its token.
pub struct Exchange {
    /// Who it says it is.
    pub client_id: String,
    /// The code.
    pub code: Secret,
    /// What the challenge is the hash of.
    pub code_verifier: Secret,
    /// Where the code went.
    pub redirect_uri: String,
}

/// Exchanges a code for an API token. A code that is shown is used up, whatever else is wrong.
pub async fn exchange(app: &App, exchange: Exchange) -> AppResult<Secret> {
    let token = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let Some(code) = terrane_store::authorization_codes::take(tx, exchange.code.reveal()).await? else {
                    return Ok(None);
                };
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(exchange.code_verifier.reveal().as_bytes()));
                let is_proven: bool = challenge.as_bytes().ct_eq(code.code_challenge.as_bytes()).into();
                let is_same = exchange.client_id == CLIENT_ID && exchange.redirect_uri == code.redirect_uri;
                if !is_proven || !is_same || code.expires_at <= tx.now() {
                    return Ok(None);
                }
                let (mut token, secret) = new_token(tx, TokenKind::User, "terraform login");
                token.user_id = Some(code.user_id.clone());
                token.created_by = Some(TokenCreator::User(code.user_id.clone()));
                token.expires_at = code.token_expires_at;
                terrane_store::tokens::insert(tx, &token, secret.reveal()).await?;
                let (actor, details) = (format!("user {}", code.user_id), json!({ "client": CLIENT_ID }));
                events::record_of_site(tx, actor, "authentication-token.create", token.id.as_str(), details).await?;
                Ok::<_, AppError>(Some(secret))
            })
        })
        .await?;
    token.ok_or(AppError::Unauthorized)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn parse(changed: &str, value: &str) -> AppResult<AuthorizationRequest> {
        let usual = |name: &str| match name {
            "client_id" => Some("terraform-cli"),
            "response_type" => Some("code"),
            "redirect_uri" => Some("http://localhost:10001/login"),
            "code_challenge" => Some(CHALLENGE),
            "code_challenge_method" => Some("S256"),
            "state" => Some("s"),
            _ => None,
        };
        AuthorizationRequest::parse(|name| {
            let value = if name == changed { Some(value) } else { usual(name) };
            value.map(str::to_owned)
        })
    }

    #[test]
    fn only_what_the_cli_sends_is_taken() {
        assert_eq!(parse("", "").unwrap().port, 10_001);
        for (name, value) in [
            ("client_id", "other"),
            ("response_type", "token"),
            ("redirect_uri", "https://evil.example/login"),
            ("code_challenge", ""),
            ("code_challenge_method", "plain"),
            ("code_challenge_method", ""),
            ("state", "a\nb"),
        ] {
            assert!(matches!(parse(name, value), Err(AppError::BadRequest(_))), "{name}={value}");
        }
    }
}
