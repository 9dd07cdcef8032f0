//! The real terraform against a server: what people see, and with which code it ends.

mod apply;
mod configurations;
mod engines;
mod error_texts;
mod failures;
mod floods;
mod interrupts;
mod local;
mod locks;
mod options;
mod organizations;
mod output_formats;
mod plan;
mod providers;
mod queue;
mod remote_state;
mod state;
mod variables;
pub(crate) mod workspace;
mod workspaces;
