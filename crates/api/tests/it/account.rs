//! What a person changes of the own account, and that cookies are for pages.

use axum::http::StatusCode;
use serde_json::{Value, json};
use terrane_app::callers::Secret;
use terrane_domain::ids::{TokenId, UserId};
use terrane_domain::tokens::{Token, TokenKind};

use crate::world::{Answer, World, text};

async fn patch(world: &World, path: &str, token: &str, attributes: &Value) -> Answer {
    let body = json!({"data":{"type":"users","attributes":attributes}}).to_string().into_bytes();
    world.send("PATCH", path, Some(token), body).await
}

const UPDATE: &str = "/api/v2/account/update";
const PASSWORD: &str = "/api/v2/account/password";

#[tokio::test]
async fn a_new_address_waits_to_be_confirmed_and_a_new_name_does_not() {
    let world = World::new().await;
    let answer = patch(&world, UPDATE, &world.outsider, &json!({"username":"Ada","email":"ada@example.com"})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let attributes = answer.json()["data"]["attributes"].clone();
    assert_eq!(attributes["username"], "Ada");
    assert_eq!(attributes["email"], "");
    assert_eq!(attributes["unconfirmed-email"], "ada@example.com");
    for (given, what) in [
        (json!({"username":"admin"}), "Username has already been taken"),
        (json!({"username":"a b"}), "Username may only contain"),
        (json!({"email":"notamailaddress"}), "Email is not a valid address"),
    ] {
        let answer = patch(&world, UPDATE, &world.outsider, &given).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{given}");
        assert!(text(&answer.json()["errors"][0]["detail"]).contains(what), "{}", answer.json());
    }
    // Who administers the site needs nobody's confirmation.
    let answer = patch(&world, UPDATE, &world.owner, &json!({"email":"root@example.com"})).await;
    assert_eq!(answer.json()["data"]["attributes"]["email"], "root@example.com");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let world = World::new().await;
    let password = terrane_app::bootstrap::dev_password(&world.app, None).await.unwrap().unwrap().password;
    let change = |current: &str, new: &str, again: &str| json!({"current_password":current,"password":new,"password_confirmation":again});
    for (given, what) in [
        (change("wrong", "a new password", "a new password"), "Current password is invalid"),
        (change(password.reveal(), "short", "short"), "too short"),
        (change(password.reveal(), "a new password", "another one"), "doesn't match"),
    ] {
        let answer = patch(&world, PASSWORD, &world.owner, &given).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{given}");
        assert!(text(&answer.json()["errors"][0]["detail"]).contains(what), "{}", answer.json());
    }
    let given = change(password.reveal(), "a new password", "a new password");
    assert_eq!(patch(&world, PASSWORD, &world.owner, &given).await.status, StatusCode::OK);
    let again = patch(&world, PASSWORD, &world.owner, &given).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    // An account without a password gets none this way: a stolen token is not to become a lasting key.
    let given = change("", "a new password", "a new password");
    assert_eq!(patch(&world, PASSWORD, &world.outsider, &given).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_session_is_no_credential_here_neither_as_a_cookie_nor_as_a_token() {
    let world = World::new().await;
    let secret = "secret-of-a-session";
    let written = world.store.write::<_, terrane_store::StoreError, _>(move |tx| {
        Box::pin(async move {
            let session = Token {
                id: TokenId::from_entropy(7),
                kind: TokenKind::Session,
                user_id: Some(UserId::from_entropy(99)),
                team_id: None,
                run_id: None,
                organization_id: None,
                created_by: None,
                description: None,
                created_at: tx.now(),
                last_used_at: None,
                expires_at: None,
            };
            terrane_store::tokens::insert(tx, &session, secret).await
        })
    });
    written.await.unwrap();
    // The control: for a page it is one.
    assert!(terrane_app::callers::authenticate(&world.app, Some(Secret::new(secret))).await.is_ok());
    let path = "/api/v2/account/details";
    assert_eq!(world.send("GET", path, Some(secret), Vec::new()).await.status, StatusCode::UNAUTHORIZED);
    let cookie = format!("terrane_session={secret}");
    assert_eq!(world.send_with("GET", path, &[("cookie", &cookie)], Vec::new()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_that_is_none_gets_the_error_that_clients_know() {
    let world = World::new().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let whole = "client_id=terraform-cli&code=a&code_verifier=b&redirect_uri=http%3A%2F%2Flocalhost%3A10000%2Flogin";
    for (body, error) in [
        (format!("{whole}&grant_type=authorization_code"), "invalid_grant"),
        (format!("{whole}&grant_type=password"), "unsupported_grant_type"),
        ("grant_type=authorization_code".to_owned(), "invalid_request"),
    ] {
        let answer = world.send_with("POST", "/oauth/token", &form, body.into_bytes()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json(), json!({ "error": error }));
    }
}

#[tokio::test]
async fn who_guesses_too_often_is_told_in_a_header_how_long_to_wait() {
    let world = World::new().await;
    let guess =
        json!({"current-password":"a guess","password":"a new password","password-confirmation":"a new password"});
    let guess = json!({"data":{"attributes":guess}}).to_string().into_bytes();
    for _ in 0..20 {
        let answer = world.send("PATCH", "/api/v2/account/password", Some(&world.owner), guess.clone()).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            let detail = text(&answer.json()["errors"][0]["detail"]);
            assert!(seconds > 0 && detail.contains(&format!("wait {seconds} seconds")), "{detail}");
            return;
        }
    }
    panic!("twenty guesses are too few");
}
