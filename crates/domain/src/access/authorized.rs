//! The proof that a decision was made, and things that carry it.

use super::action::Action;

/// Proof that [`super::decide`] said yes. Only the decision can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a permission that nobody uses was asked for in vain"]
pub struct Allowed {
    action: Action,
}

impl Allowed {
    pub(super) const fn new(action: Action) -> Self {
        Self { action }
    }

    /// What is allowed.
    pub const fn action(self) -> Action {
        self.action
    }
}

/// A thing together with the proof that the caller may do the named action to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized<T> {
    value: T,
    allowed: Allowed,
}

impl<T> Authorized<T> {
    /// Binds a thing to the decision that was made about it.
    pub const fn new(value: T, allowed: Allowed) -> Self {
        Self { value, allowed }
    }

    /// The action that was decided.
    pub const fn action(&self) -> Action {
        self.allowed.action()
    }

    /// What belongs to the thing, under the same decision.
    pub fn with<U>(self, part: U) -> Authorized<U> {
        Authorized { value: part, allowed: self.allowed }
    }

    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> std::ops::Deref for Authorized<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
