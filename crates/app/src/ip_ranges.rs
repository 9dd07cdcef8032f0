//! The addresses from which this server speaks to others.

use std::sync::Arc;

use terrane_domain::time::Timestamp;

use crate::App;

/// Ranges in CIDR notation, and since when they are these.
#[derive(Debug, Clone)]
pub struct IpRanges {
    /// The ranges.
    pub ranges: Vec<String>,
    /// Since when.
    pub since: Timestamp,
}

impl App {
    /// Tells from which addresses the server speaks to others.
    #[must_use]
    pub fn with_ip_ranges(mut self, ranges: Vec<String>) -> Self {
        self.ip_ranges = Arc::new(IpRanges { ranges, since: self.store.now() });
        self
    }

    /// The addresses from which the server speaks to others: for webhooks, for version control, for its own API.
    pub fn ip_ranges(&self) -> &IpRanges {
        &self.ip_ranges
    }
}
