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

impl EngineKind {
    /// The name that people read.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        }
    }

    /// The name of the executable.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "tofu",
        }
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
