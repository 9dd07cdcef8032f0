//! JSON:API documents, relationships, queries and errors in the dialect of the HCP Terraform API.
//!
//! The dialect differs from the specification: attributes are kebab-case, lists are paged by `page[number]` and
//! `page[size]`, some request bodies are plain JSON, and requests may leave `type` empty. Knows nothing of Terraform.

pub mod action;
mod body;
pub mod document;
pub mod error;
pub mod input;
pub mod links;
mod members;
pub mod object;
pub mod page;
pub mod query;
pub mod reference;
pub mod relationship;
pub mod resource;

pub use action::ActionBody;
pub use document::{Data, Document};
pub use error::{Error, ErrorDocument, Place};
pub use input::Input;
pub use links::Links;
pub use page::{Page, Pagination};
pub use query::Query;
pub use reference::Reference;
pub use relationship::{Identifier, Linkage, Relationship};
pub use resource::Resource;

/// The media type of requests and answers.
pub const MEDIA_TYPE: &str = "application/vnd.api+json";
