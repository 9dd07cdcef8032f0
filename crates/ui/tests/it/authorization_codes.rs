//! The browser's half of `terraform login`; the whole of it, with the real CLI, is tested with the executable.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use terrane_app::authorization_codes::{Exchange, exchange};
use terrane_app::callers::{Secret, authenticate};
use terrane_domain::access::CredentialKind;

use crate::browser::{Browser, encode};
use crate::world::World;

const VERIFIER: &str = "0fd49e1c-7d8e-4d53-9b0a-6f1c2a.123456789";
const REDIRECT: &str = "http://localhost:10003/login";

fn address() -> String {
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let query = encode(&[
        ("client_id", "terraform-cli"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", ""),
        ("state", "a&b=c"),
    ]);
    format!("/oauth/authorization?{query}")
}

/// Consents as the page asks; answers where the browser is sent.
async fn consent(browser: &mut Browser, answer: &str) -> String {
    let page = browser.get(&address()).await;
    assert!(page.header("content-security-policy").contains("form-action 'self' http://localhost:10003;"));
    let names = ["client_id", "response_type", "redirect_uri", "code_challenge", "code_challenge_method", "state"];
    let values = names.map(|name| page.field(name).unwrap());
    let mut fields: Vec<(&str, &str)> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
    fields.extend([("lifetime", "never"), ("answer", answer)]);
    let answer = browser.submit("/oauth/authorization", &fields).await;
    answer.header("location").to_owned()
}

fn code_of(location: &str) -> String {
    let query = location.strip_prefix(&format!("{REDIRECT}?")).unwrap();
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(fields[1], ("state".to_owned(), "a&b=c".to_owned()));
    fields[0].1.clone()
}

fn shown(code: &str) -> Exchange {
    Exchange {
        client_id: "terraform-cli".to_owned(),
        code: Secret::new(code),
        code_verifier: Secret::new(VERIFIER),
        redirect_uri: REDIRECT.to_owned(),
    }
}

#[tokio::test]
async fn who_is_not_signed_in_does_so_first_and_comes_back() {
    let world = World::new().await;
    let mut browser = world.browser();
    let to_door = browser.get(&address()).await.location().to_owned();
    let door = browser.get(&to_door).await;
    let next = door.field("next").unwrap();
    let fields = [("username", "admin"), ("password", world.password.as_str()), ("next", next.as_str())];
    let back = browser.submit("/app/sign-in", &fields).await.location().to_owned();
    assert_eq!(back, address());
    assert!(browser.get(&back).await.body.contains("Allow terraform"));
}

#[tokio::test]
async fn a_consent_gives_one_code_for_one_token() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let code = code_of(&consent(&mut browser, "allow").await);
    let token = exchange(&world.app, shown(&code)).await.unwrap();
    assert_eq!(authenticate(&world.app, Some(token)).await.unwrap().kind, CredentialKind::User);
    assert!(exchange(&world.app, shown(&code)).await.is_err());
    assert_eq!(consent(&mut browser, "refuse").await, "");
}

#[tokio::test]
async fn a_code_is_used_up_by_whoever_shows_it_wrongly() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let wrong: [fn(&mut Exchange); 3] = [
        |it| it.code_verifier = Secret::new("another"),
        |it| it.redirect_uri = "http://localhost:10004/login".to_owned(),
        |it| it.client_id = "other".to_owned(),
    ];
    for change in wrong {
        let code = code_of(&consent(&mut browser, "allow").await);
        let mut exchanged = shown(&code);
        change(&mut exchanged);
        assert!(exchange(&world.app, exchanged).await.is_err());
        assert!(exchange(&world.app, shown(&code)).await.is_err());
    }
}

#[tokio::test]
async fn a_code_ends_after_a_minute_and_with_the_session_that_gave_it() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    let code = code_of(&consent(&mut browser, "allow").await);
    world.pass(Duration::from_mins(1));
    assert!(exchange(&world.app, shown(&code)).await.is_err());
    let code = code_of(&consent(&mut browser, "allow").await);
    browser.get("/app/settings/profile").await;
    browser.submit("/app/sign-out", &[]).await;
    assert!(exchange(&world.app, shown(&code)).await.is_err());
}

#[tokio::test]
async fn a_request_that_is_not_the_clis_is_told_to_the_person_and_sent_nowhere() {
    let world = World::new().await;
    let mut browser = world.signed_in().await;
    for (from, to) in [("localhost%3A10003", "evil.example"), ("S256", "plain"), ("terraform-cli", "other")] {
        let answer = browser.get(&address().replace(from, to)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{to}");
        assert!(!answer.headers.contains_key("location"));
    }
}
