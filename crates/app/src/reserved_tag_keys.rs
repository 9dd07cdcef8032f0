//! Reserved tag keys as callers see them.

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::ReservedTagKeyId;
use terrane_domain::reserved_tag_keys::{ReservedTagKey, WRONG_KEY, is_key};

use crate::{App, AppError, AppResult, entropy, events, lookups};

/// What is said of a key that another has.
const KEY_TAKEN: &str = "Key has already been taken";

/// What a request names; `None` keeps what is.
#[derive(Debug, Clone, Default)]
pub struct ReservedTagKeyChange {
    /// The key.
    pub key: Option<String>,
    /// Whether a workspace may not give a tag of its project another value.
    pub disable_overrides: Option<bool>,
}

fn apply(key: &mut ReservedTagKey, change: ReservedTagKeyChange) -> AppResult<()> {
    if let Some(text) = change.key {
        if !is_key(&text) {
            return Err(AppError::invalid("key", WRONG_KEY));
        }
        key.key = text;
    }
    key.disable_overrides = change.disable_overrides.unwrap_or(key.disable_overrides);
    Ok(())
}

/// One page of an organization's keys, and their total number.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<ReservedTagKey>, i64)> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ReadOrganization).await?;
                Ok(terrane_store::reserved_tag_keys::list(tx, &found.organization.id, limit, offset).await?)
            })
        })
        .await
}

/// Reserves a key.
pub async fn create(
    app: &App,
    caller: &Caller,
    organization: &str,
    change: ReservedTagKeyChange,
) -> AppResult<ReservedTagKey> {
    let (caller, name) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::organization(tx, &caller, &name, Action::ManageTags).await?;
                if change.key.is_none() {
                    return Err(AppError::invalid("key", "Key can't be blank"));
                }
                let mut key = ReservedTagKey {
                    id: ReservedTagKeyId::from_entropy(entropy()),
                    organization_id: found.organization.id.clone(),
                    key: String::new(),
                    disable_overrides: false,
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                apply(&mut key, change)?;
                terrane_store::reserved_tag_keys::insert(tx, &key)
                    .await
                    .map_err(AppError::if_taken("key", KEY_TAKEN))?;
                let (id, details) = (key.id.as_str(), json!({ "key": key.key }));
                events::record(tx, &caller, &key.organization_id, "reserved-tag-key.create", id, details).await?;
                Ok(key)
            })
        })
        .await
}

/// Changes a key.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: ReservedTagKeyId,
    change: ReservedTagKeyChange,
) -> AppResult<ReservedTagKey> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let mut key = lookups::held_reserved_tag_key(tx, &caller, &id, Action::ManageTags).await?.into_inner();
                apply(&mut key, change)?;
                key.updated_at = tx.now();
                terrane_store::reserved_tag_keys::update(tx, &key)
                    .await
                    .map_err(AppError::if_taken("key", KEY_TAKEN))?;
                let details = json!({ "key": key.key });
                events::record(tx, &caller, &key.organization_id, "reserved-tag-key.update", id.as_str(), details)
                    .await?;
                Ok(key.into_inner())
            })
        })
        .await
}

/// Gives a key back.
pub async fn delete(app: &App, caller: &Caller, id: ReservedTagKeyId) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let key = lookups::held_reserved_tag_key(tx, &caller, &id, Action::ManageTags).await?;
                if !terrane_store::reserved_tag_keys::delete(tx, &id).await? {
                    return Err(AppError::NotFound);
                }
                let details = json!({ "key": key.key });
                events::record(tx, &caller, &key.organization_id, "reserved-tag-key.delete", id.as_str(), details)
                    .await?;
                Ok(())
            })
        })
        .await
}
