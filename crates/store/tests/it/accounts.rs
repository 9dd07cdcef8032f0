//! Passwords, sessions and authorization codes.

use terrane_domain::authorization_codes::AuthorizationCode;
use terrane_domain::ids::TokenId;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_store::{authorization_codes, sessions, tokens, users};

use crate::databases::each;
use crate::samples::{World, entropy, keep, moment};

fn session(world: &World, created: i64, last_used: Option<i64>) -> Token {
    Token {
        id: TokenId::from_entropy(entropy()),
        kind: TokenKind::Session,
        user_id: Some(world.user.id.clone()),
        team_id: None,
        run_id: None,
        organization_id: None,
        created_by: None,
        description: None,
        created_at: moment(created),
        last_used_at: last_used.map(moment),
        expires_at: None,
    }
}

#[tokio::test]
async fn a_password_changes_only_from_what_it_was() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let id = keep(world.user.id.clone());
        let set = async |before: Option<&str>, after: &str| {
            let (before, after) = (before.map(str::to_owned), after.to_owned());
            write!(bench.store, tx => users::set_password_hash(tx, id, before, after).await).unwrap()
        };
        assert!(!set(Some("a"), "b").await);
        assert!(set(None, "a").await);
        assert!(!set(None, "b").await);
        assert!(set(Some("a"), "b").await);
        let hash = read!(bench.store, tx => users::password_hash(tx, id).await).unwrap();
        assert_eq!(hash.as_deref(), Some("b"));
        assert!(read!(bench.store, tx => users::is_anyone(tx).await).unwrap());
    })
    .await;
}

#[tokio::test]
async fn sessions_are_their_persons_and_end_with_disuse() {
    each(async |bench| {
        let world = keep(World::new(&bench.store).await);
        let stored = keep([session(world, 0, None), session(world, 1, Some(100)), session(world, 2, None)]);
        let token = keep(Token { kind: TokenKind::User, ..session(world, 3, None) });
        write!(bench.store, tx => {
            for (session, secret) in stored.iter().zip(["a", "b", "c"]) {
                tokens::insert(tx, session, secret).await?;
            }
            tokens::insert(tx, token, "d").await
        })
        .unwrap();
        let ids = async || {
            let found = read!(bench.store, tx => sessions::of_user(tx, &world.user.id).await).unwrap();
            found.into_iter().map(|session| session.id).collect::<Vec<_>>()
        };
        assert_eq!(ids().await, [&stored[2].id, &stored[1].id, &stored[0].id].map(Clone::clone));
        write!(bench.store, tx => {
            assert!(!sessions::remove(tx, &world.user.id, &token.id).await?, "an API token is no session");
            tokens::set_used(tx, &stored[2].id, moment(90)).await?;
            sessions::remove_idle(tx, moment(91)).await
        })
        .unwrap();
        assert_eq!(ids().await, [stored[1].id.clone()]);
        write!(bench.store, tx => {
            assert_eq!(sessions::remove_others(tx, &world.user.id, &stored[1].id).await?, 0);
            assert_eq!(sessions::remove_others(tx, &world.user.id, &token.id).await?, 1);
            assert_eq!(tokens::by_secret(tx, "d").await?.as_ref(), Some(token));
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_code_is_taken_once_and_ends_with_its_session() {
    each(async |bench| {
        let world = keep(World::new(&bench.store).await);
        let session = keep(session(world, 0, None));
        let code = |number: i64, token_expires_at| AuthorizationCode {
            user_id: world.user.id.clone(),
            session_id: session.id.clone(),
            redirect_uri: format!("http://localhost:1000{number}/login"),
            code_challenge: "challenge".to_owned(),
            expires_at: moment(number),
            token_expires_at,
        };
        let codes = keep([code(1, None), code(2, Some(moment(9))), code(3, None), code(4, None)]);
        write!(bench.store, tx => {
            tokens::insert(tx, session, "session").await?;
            for (code, secret) in codes.iter().zip(["a", "b", "c", "d"]) {
                authorization_codes::insert(tx, code, secret).await?;
            }
            Ok(())
        })
        .unwrap();
        write!(bench.store, tx => {
            assert_eq!(authorization_codes::take(tx, "a").await?.as_ref(), Some(&codes[0]));
            assert_eq!(authorization_codes::take(tx, "a").await?, None);
            assert_eq!(authorization_codes::take(tx, "b").await?.as_ref(), Some(&codes[1]));
            authorization_codes::remove_expired(tx, moment(4)).await?;
            assert_eq!(authorization_codes::take(tx, "c").await?, None);
            assert!(sessions::remove(tx, &world.user.id, &session.id).await?);
            assert_eq!(authorization_codes::take(tx, "d").await?, None);
            Ok(())
        })
        .unwrap();
    })
    .await;
}
