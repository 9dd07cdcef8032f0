//! Configuration versions: uploaded configurations, one of which each run uses.

use crate::ids::{ConfigurationVersionId, OrganizationId, WorkspaceId};
use crate::time::Timestamp;

words! {
    /// Status of a configuration version.
    pub enum ConfigurationVersionStatus {
        /// The archive has not come yet.
        Pending = "pending",
        /// The archive is stored and sound.
        Uploaded = "uploaded",
        /// The archive was refused.
        Errored = "errored",
        /// The archive was removed.
        Archived = "archived",
    }
}

impl ConfigurationVersionStatus {
    /// The key of this status in `status-timestamps`; what is still awaited has none. Source: go-tfe's
    /// `CVStatusTimestamps`.
    pub const fn timestamp_key(self) -> Option<&'static str> {
        match self {
            Self::Pending => None,
            Self::Uploaded | Self::Errored => Some("finished-at"),
            Self::Archived => Some("archived-at"),
        }
    }
}

/// A configuration version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationVersion {
    /// Identifier.
    pub id: ConfigurationVersionId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Where it stands.
    pub status: ConfigurationVersionStatus,
    /// When it came to be what, by [`ConfigurationVersionStatus::timestamp_key`].
    pub status_timestamps: serde_json::Value,
    /// `tfe-api` or `terraform+cloud`.
    pub source: String,
    /// Whether a run is queued once the archive has come.
    pub auto_queue_runs: bool,
    /// Whether its runs may only plan.
    pub speculative: bool,
    /// Whether it becomes current only when applied.
    pub provisional: bool,
    /// Why the archive was refused.
    pub error_message: Option<String>,
    /// Where the archive lies.
    pub blob: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}
