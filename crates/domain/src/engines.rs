//! Engines: the programs that plan and apply, and how a wanted version selects an installed one.

use serde::{Deserialize, Serialize};

words! {
    /// A program that understands the language.
    pub enum EngineKind {
        /// HashiCorp's terraform.
        Terraform = "terraform",
        /// OpenTofu.
        OpenTofu = "opentofu",
    }
}

/// One installed engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Which program.
    pub kind: EngineKind,
    /// Its version, for example `1.11.4`.
    pub version: String,
}
