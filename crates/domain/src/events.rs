//! Events: what was done, by whom. Written in the transaction of the change; sealed into a chain afterwards.

use crate::ids::{EventId, OrganizationId};
use crate::time::Timestamp;

/// An event before its sealing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Identifier.
    pub id: EventId,
    /// The organization whose chain it belongs to.
    pub organization_id: OrganizationId,
    /// When it happened.
    pub at: Timestamp,
    /// Kind and id of who did it: `user user-...`, `run run-...`, `runner agent-...`, `system`.
    pub actor: String,
    /// What was done, for example `run.create`.
    pub action: String,
    /// Id of what it was done to.
    pub subject: String,
    /// Facts without secrets: a JSON object.
    pub details: serde_json::Value,
    /// The event of which this one is a consequence.
    pub caused_by: Option<EventId>,
}

/// A sealed event: its place in its organization's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEvent {
    /// The event.
    pub event: Event,
    /// 1 for the organization's first event, then dense.
    pub seq: i64,
    /// Hash of the event before, in hexadecimal; 64 zeros for the first.
    pub prev: String,
    /// Hash of this event and `prev`, in hexadecimal.
    pub hash: String,
}

/// The hash of "nothing before".
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Stands for the site where an event belongs to no organization: no organization is ever given this id.
pub fn site() -> OrganizationId {
    OrganizationId::from_entropy(0)
}

impl Event {
    /// The bytes that the chain hashes: every member, each with its length in front, so that no two events
    /// share a form.
    pub fn canonical(&self, seq: i64, prev: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        };
        put(b"terrane event 1");
        put(&seq.to_be_bytes());
        put(prev.as_bytes());
        put(self.id.as_str().as_bytes());
        put(self.organization_id.as_str().as_bytes());
        put(&self.at.as_micros().to_be_bytes());
        put(self.actor.as_bytes());
        put(self.action.as_bytes());
        put(self.subject.as_bytes());
        put(self.details.to_string().as_bytes());
        put(self.caused_by.as_ref().map_or("", EventId::as_str).as_bytes());
        bytes
    }
}
