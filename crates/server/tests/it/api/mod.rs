//! What the API answers to those who ask wrongly.

mod archives;
mod at_once;
mod names;
mod races;
mod refusals;
mod signed_addresses;
mod states;
mod transitions;
