//! One event for each accepted change, in the change's own transaction.

use serde_json::Value;
use terrane_domain::access::Caller;
use terrane_domain::ids::OrganizationId;
use terrane_store::{StoreError, Tx};

/// Writes the event of a caller's change.
pub(crate) async fn record(
    tx: &mut Tx,
    caller: &Caller,
    organization_id: &OrganizationId,
    action: &str,
    subject: &str,
    details: Value,
) -> Result<(), StoreError> {
    record_by(tx, caller.actor(), organization_id, action, subject, details).await
}

/// Writes the event of a change that the server made by itself.
pub(crate) async fn record_by(
    tx: &mut Tx,
    actor: String,
    organization_id: &OrganizationId,
    action: &str,
    subject: &str,
    details: Value,
) -> Result<(), StoreError> {
    let event = terrane_store::events::new_event(tx, organization_id, actor, action, subject, details);
    terrane_store::events::insert(tx, &event).await
}

/// Writes the event of a change that belongs to no organization, such as a sign-in, into the chain of the site itself.
pub(crate) async fn record_of_site(
    tx: &mut Tx,
    actor: String,
    action: &str,
    subject: &str,
    details: Value,
) -> Result<(), StoreError> {
    record_by(tx, actor, &terrane_domain::events::site(), action, subject, details).await
}
