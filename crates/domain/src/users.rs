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
}
