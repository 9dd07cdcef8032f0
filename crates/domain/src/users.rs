//! People.

use crate::ids::UserId;
use crate::time::Timestamp;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// Address.
    pub email: String,
    /// Whether the person may use the administration routes.
    pub is_site_admin: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}
