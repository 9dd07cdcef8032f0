//! Passwords: argon2id, on blocking threads, a few at once.

use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::callers::Secret;
use crate::{App, AppError, AppResult};

/// Memory for one hash, in KiB. OWASP's least is 19 MiB with two passes; this is chosen so that one check takes about 100 ms
/// on a small machine.
const MEMORY_KIB: u32 = 32 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;
/// So many are worked on at once: the memory and the cores belong to everyone.
const AT_ONCE: usize = 2;
/// Who does not get a turn within this time is told to try again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns of those who wait for a hash.
pub(crate) struct Passwords {
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

/// What the check of a password found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and stored with weaker parameters than today's: the new form to store.
    Outdated(String),
}

fn hasher() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?))
}

fn hash_now(password: &str) -> Option<String> {
    let salt: [u8; 16] = terrane_store::random_bytes();
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

fn is_outdated(hash: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(hash) else { return true };
    hash.algorithm.as_str() != "argon2id" || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

fn verify_now(password: &str, stored: Option<&str>) -> Option<Verdict> {
    let Some(stored) = stored else {
        // Nobody there, or nobody with a password: the answer takes as long as any other.
        hash_now(password)?;
        return Some(Verdict::Wrong);
    };
    let parsed = PasswordHash::new(stored).ok()?;
    if hasher()?.verify_password(password.as_bytes(), &parsed).is_err() {
        return Some(Verdict::Wrong);
    }
    Some(if is_outdated(&parsed) { Verdict::Outdated(hash_now(password)?) } else { Verdict::Right })
}

async fn in_turn<T: Send + 'static>(app: &App, work: impl FnOnce() -> Option<T> + Send + 'static) -> AppResult<T> {
    let busy = || AppError::Unavailable("too many people sign in at once; try again in a moment".to_owned());
    let turn = tokio::time::timeout(PATIENCE, app.passwords.turns.acquire()).await;
    let _turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
    let done = tokio::task::spawn_blocking(work).await;
    done.ok().flatten().ok_or_else(|| AppError::Unavailable("the password could not be worked on".to_owned()))
}

/// What is to be stored of a password.
pub(crate) async fn hash(app: &App, password: Secret) -> AppResult<String> {
    in_turn(app, move || hash_now(password.reveal())).await
}

/// Checks a password against what is stored, which is nothing for a person who does not exist.
pub(crate) async fn verify(app: &App, password: Secret, stored: Option<String>) -> AppResult<Verdict> {
    if password.reveal().len() > terrane_domain::users::LONGEST_PASSWORD {
        return Ok(Verdict::Wrong);
    }
    in_turn(app, move || verify_now(password.reveal(), stored.as_deref())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_or_wrong_and_is_stored_with_a_salt_of_its_own() {
        let stored = hash_now("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=32768,t=5,p=1$"), "{stored}");
        assert_ne!(stored, hash_now("correct horse").unwrap());
        assert_eq!(verify_now("correct horse", Some(&stored)), Some(Verdict::Right));
        assert_eq!(verify_now("battery staple", Some(&stored)), Some(Verdict::Wrong));
        assert_eq!(verify_now("correct horse", None), Some(Verdict::Wrong));
    }

    #[test]
    fn weaker_parameters_are_right_and_replaced() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(1024, 1, 1, None).unwrap());
        let stored = weak.hash_password_with_salt(b"correct horse", b"0123456789abcdef").unwrap().to_string();
        let Some(Verdict::Outdated(new)) = verify_now("correct horse", Some(&stored)) else { panic!("not outdated") };
        assert_eq!(verify_now("correct horse", Some(&new)), Some(Verdict::Right));
        assert_eq!(verify_now("battery staple", Some(&stored)), Some(Verdict::Wrong));
    }

    #[test]
    fn a_check_takes_long_enough_and_not_too_long() {
        let stored = hash_now("correct horse").unwrap();
        // What this thread had of a core: a busy machine does not make it more.
        let on_core = || {
            let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
        };
        let time = |stored: Option<&str>| {
            let began = on_core();
            verify_now("battery staple", stored).unwrap();
            on_core().saturating_sub(began)
        };
        // Turn by turn, and the best of each: what else the machine does meets both alike.
        let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
        for _ in 0..8 {
            known = known.min(time(Some(&stored)));
            unknown = unknown.min(time(None));
        }
        println!("known {known:?}, unknown {unknown:?}");
        assert!(known > Duration::from_millis(20) && known < Duration::from_millis(1500), "{known:?}");
        assert!(known.abs_diff(unknown) < known / 2, "{known:?} {unknown:?}");
    }
}
