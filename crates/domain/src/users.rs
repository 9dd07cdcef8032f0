//! People.

use crate::ids::UserId;
use crate::time::Timestamp;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Unique name; empty for who was invited and has not chosen one yet.
    pub username: String,
    /// Address.
    pub email: String,
    /// Whether the person may use the administration routes.
    pub is_site_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl User {
    /// Whether this account only holds the place of someone who was invited.
    pub fn is_placeholder(&self) -> bool {
        self.username.is_empty()
    }
}

/// Whether `username` may name a person.
pub fn is_username(username: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=60).contains(&username.len()) && username.bytes().all(is_allowed)
}

/// Whether `email` has the form of an address; whether someone reads there, only a letter can tell.
pub fn is_email(email: &str) -> bool {
    let Some((person, host)) = email.split_once('@') else { return false };
    let is_part = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
    email.len() <= 254 && is_part(person) && is_part(host) && !host.contains('@')
}

/// Fewest characters of a password.
pub const SHORTEST_PASSWORD: usize = 10;
/// Most bytes of a password: far above what people type, far below what would keep the server busy.
pub const LONGEST_PASSWORD: usize = 1024;

/// What is wrong with a new password, if anything.
pub fn password_fault(password: &str) -> Option<&'static str> {
    if password.chars().count() < SHORTEST_PASSWORD {
        return Some("Password is too short (minimum is 10 characters)");
    }
    (password.len() > LONGEST_PASSWORD).then_some("Password is too long (maximum is 1024 bytes)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_person_and_a_host() {
        for email in ["a@b", "first.last+tag@mail.example.org", "admin@localhost"] {
            assert!(is_email(email), "{email}");
        }
        for email in ["", "@", "a@", "@b", "not-an-address", "a b@c", "a@b@c", "a@b\0"] {
            assert!(!is_email(email), "{email}");
        }
    }

    #[test]
    fn a_password_is_counted_in_characters_and_bounded_in_bytes() {
        assert!(password_fault("123456789").is_some());
        assert!(password_fault("äöüäöüäöü").is_some());
        assert!(password_fault("äöüäöüäöüß").is_none());
        assert!(password_fault(&"a".repeat(1025)).is_some());
    }
}
