//! Feature sets and subscriptions: this server sells nothing, so there is one set, which holds what the server has, and
//! every organization has it. Source: `api-docs/feature-sets.mdx`, `api-docs/subscriptions.mdx`.

use terrane_domain::access::Caller;
use terrane_domain::organizations::Organization;

use crate::{App, AppError, AppResult, users};

/// The id of the one feature set.
pub const FEATURE_SET: &str = "fs-terrane1111111111";

/// Whether the caller may use the administration routes.
async fn require_site_admin(app: &App, caller: &Caller) -> AppResult<()> {
    if users::account(app, caller).await?.is_site_admin { Ok(()) } else { Err(AppError::NotFound) }
}

/// Lets a site administrator list the feature sets.
pub async fn list(app: &App, caller: &Caller) -> AppResult<()> {
    require_site_admin(app, caller).await
}

/// Gives an organization a feature set, which it has already: the organization, if both exist.
pub async fn subscribe(app: &App, caller: &Caller, organization: &str, feature_set: &str) -> AppResult<Organization> {
    require_site_admin(app, caller).await?;
    if feature_set != FEATURE_SET {
        return Err(AppError::Invalid {
            pointer: Some("/data/relationships/feature-set".to_owned()),
            detail: format!("The feature set does not exist; the only one is {FEATURE_SET}"),
        });
    }
    let name = organization.to_owned();
    app.store
        .read(move |tx| {
            Box::pin(async move { terrane_store::organizations::by_name(tx, &name).await?.ok_or(AppError::NotFound) })
        })
        .await
}
