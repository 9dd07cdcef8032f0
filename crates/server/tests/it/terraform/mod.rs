//! The real terraform against a server: what people see, and with which code it ends.

mod apply;
mod engines;
mod failures;
mod floods;
mod interrupts;
mod local;
mod options;
mod organizations;
mod output_formats;
mod plan;
mod queue;
mod state;
mod variables;
pub(crate) mod workspace;
