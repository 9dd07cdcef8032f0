//! Variables of workspaces.

use serde_json::{Value, json};
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{VariableId, WorkspaceId};
use terrane_domain::invalid::Invalid;
use terrane_domain::variables::{Variable, VariableChange, parse_category};
use terrane_store::{hex, random_bytes};

use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppError, AppResult, entropy, events};

/// What is said of a key that another has.
const KEY_TAKEN: &str = "Key has already been taken";

/// Which variable a request means: its id, and the workspace that its path names, if it names one.
#[derive(Debug, Clone)]
pub struct VariableKey {
    /// The variable.
    pub id: VariableId,
    /// The workspace whose variable it must be.
    pub workspace_id: Option<WorkspaceId>,
}

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

/// One variable; see [`list`] for its value.
pub async fn read(app: &App, caller: &Caller, key: VariableKey) -> AppResult<Variable> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let workspace_id = key.workspace_id.as_ref();
                Ok(lookups::variable(tx, &caller, workspace_id, &key.id, Action::ReadVariables).await?.into_inner())
            })
        })
        .await
}

fn new_version() -> String {
    hex(&random_bytes::<32>())
}

/// What events tell of a variable: everything but its value.
fn details(variable: &Variable) -> Value {
    json!({
        "workspace": variable.workspace_id,
        "key": variable.key,
        "category": variable.category,
        "sensitive": variable.sensitive,
    })
}

/// Makes a variable.
pub async fn create(app: &App, caller: &Caller, key: WorkspaceKey, change: VariableChange) -> AppResult<Variable> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let workspace = lookups::workspace(tx, &caller, &key, Action::WriteVariables).await?;
                let blank = |attribute, name: &str| Invalid::new(attribute, format!("{name} can't be blank"));
                let category = change.category.as_deref().ok_or_else(|| blank("category", "Category"))?;
                let variable = Variable {
                    id: VariableId::from_entropy(entropy()),
                    organization_id: workspace.organization_id.clone(),
                    workspace_id: workspace.id.clone(),
                    category: parse_category(category)?,
                    key: change.key.ok_or_else(|| blank("key", "Key"))?,
                    value: change.value.unwrap_or_default(),
                    description: change.description.unwrap_or_default(),
                    hcl: change.hcl.unwrap_or_default(),
                    sensitive: change.sensitive.unwrap_or_default(),
                    version_id: new_version(),
                    created_at: tx.now(),
                };
                variable.check()?;
                terrane_store::variables::insert(tx, &variable).await.map_err(AppError::if_taken("key", KEY_TAKEN))?;
                let (id, organization_id, details) = (&variable.id, &variable.organization_id, details(&variable));
                events::record(tx, &caller, organization_id, "variable.create", id.as_str(), details).await?;
                Ok(variable)
            })
        })
        .await
}

/// Changes a variable, which thereby gets a new version.
pub async fn update(app: &App, caller: &Caller, key: VariableKey, change: VariableChange) -> AppResult<Variable> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let workspace_id = key.workspace_id.as_ref();
                let found = lookups::variable(tx, &caller, workspace_id, &key.id, Action::WriteVariables).await?;
                let mut variable = found.into_inner();
                variable.change(change)?;
                let before = std::mem::replace(&mut variable.version_id, new_version());
                if !terrane_store::variables::update(tx, &variable, &before)
                    .await
                    .map_err(AppError::if_taken("key", KEY_TAKEN))?
                {
                    let detail = "The variable was just changed by another request, and not by this one; read it, and send the change again if it is still wanted";
                    return Err(AppError::Conflict(detail.to_owned()));
                }
                let (organization_id, details) = (&variable.organization_id, details(&variable));
                events::record(tx, &caller, organization_id, "variable.update", key.id.as_str(), details).await?;
                Ok(variable)
            })
        })
        .await
}

/// Deletes a variable.
pub async fn delete(app: &App, caller: &Caller, key: VariableKey) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let workspace_id = key.workspace_id.as_ref();
                let variable = lookups::variable(tx, &caller, workspace_id, &key.id, Action::WriteVariables).await?;
                if !terrane_store::variables::delete(tx, &key.id).await? {
                    return Err(AppError::NotFound);
                }
                let (organization_id, details) = (&variable.organization_id, details(&variable));
                events::record(tx, &caller, organization_id, "variable.delete", key.id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}
