//! The only SQL and the only blob calls.
