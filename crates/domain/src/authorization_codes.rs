//! `terraform login`: OAuth 2 authorization codes with PKCE, for the one public client that there is.
//! Source: `internal/command/login.go` of terraform.

use std::ops::RangeInclusive;

use crate::ids::{TokenId, UserId};
use crate::time::Timestamp;

/// The id under which the CLI calls itself, as discovery tells it to.
pub const CLIENT_ID: &str = "terraform-cli";
/// The ports on which the CLI may wait for its code: more than one, or it fails to choose.
pub const PORTS: RangeInclusive<u16> = 10_000..=10_010;

/// A code that was given out. The code itself is never here, only what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Who consented.
    pub user_id: UserId,
    /// In which browser session; the code ends with it.
    pub session_id: TokenId,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// SHA-256 of the verifier, in base64 for addresses.
    pub code_challenge: String,
    /// When the code stops being valid.
    pub expires_at: Timestamp,
    /// When the token that it is exchanged for stops being valid.
    pub token_expires_at: Option<Timestamp>,
}

/// The port of a redirect address, if it is exactly what the CLI sends: nothing else may be given a code.
pub fn redirect_port(redirect_uri: &str) -> Option<u16> {
    let port = redirect_uri.strip_prefix("http://localhost:")?.strip_suffix("/login")?;
    let port: u16 = port.parse().ok().filter(|it: &u16| it.to_string() == port)?;
    PORTS.contains(&port).then_some(port)
}

/// Whether the text can be a SHA-256 in base64 for addresses, without padding.
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clis_own_addresses_are_redirected_to() {
        assert_eq!(redirect_port("http://localhost:10000/login"), Some(10_000));
        assert_eq!(redirect_port("http://localhost:10010/login"), Some(10_010));
        for address in [
            "http://localhost:9999/login",
            "http://localhost:10011/login",
            "http://localhost:+10000/login",
            "http://localhost:010000/login",
            "http://localhost:10000/login/",
            "http://localhost:10000/login?a=b",
            "https://localhost:10000/login",
            "http://localhost:10000@evil.example/login",
            "http://localhost.evil.example:10000/login",
            "http://localhost/login",
            "//localhost:10000/login",
            "",
        ] {
            assert_eq!(redirect_port(address), None, "{address}");
        }
    }

    #[test]
    fn a_challenge_has_the_form_of_a_hash() {
        assert!(is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c="));
        assert!(!is_challenge(""));
    }
}
