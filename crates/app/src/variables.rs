//! Variables of workspaces.

use terrane_domain::access::{Action, Caller};
use terrane_domain::variables::Variable;

use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppResult};

/// A workspace's variables, by key. Values of sensitive ones are for runs only: front doors never show them.
pub async fn list(app: &App, caller: &Caller, key: WorkspaceKey) -> AppResult<Vec<Variable>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &caller, &key, Action::ReadVariables).await?;
                Ok(terrane_store::variables::of_workspace(tx, &workspace.id).await?)
            })
        })
        .await
}
