//! The executable as people and scripts use it.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute only, not their helpers")]

mod https;
mod process;
mod restart;
mod start;
