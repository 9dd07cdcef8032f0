//! Moving workspaces into a project: all of them or none.
//!
//! Source: `api-docs/projects.mdx`, "Move workspaces into a project".

use std::collections::BTreeSet;

use terrane_domain::access::{Action, Caller, Target};
use terrane_domain::ids::{ProjectId, WorkspaceId};
use terrane_store::Tx;

use crate::lookups::{self, WorkspaceKey};
use crate::workspaces::{self, WorkspaceSettings};
use crate::{App, AppError, AppResult};

/// Moves workspaces into a project of their organization. It takes the right on the project and on that of each.
pub async fn move_workspaces(app: &App, caller: &Caller, id: &ProjectId, mut named: Vec<String>) -> AppResult<()> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (_, place) = lookups::project(tx, &caller, &id, Action::ReadProject).await?;
                let is_default = place.organization.default_project_id == id;
                let may_take = place.judge(&caller, Action::MoveWorkspace, Target::Project { is_default }).is_ok();
                if named.is_empty() {
                    return Err(AppError::Invalid {
                        pointer: Some("/data".to_owned()),
                        detail: "At least one workspace must be named".to_owned(),
                    });
                }
                let mut refused = Vec::new();
                // In one order: two who move the same workspaces do not wait for each other.
                for text in named.iter().collect::<BTreeSet<_>>() {
                    let moved = if may_take { move_in(tx, &caller, text, &id).await } else { Err(AppError::NotFound) };
                    match moved {
                        Err(AppError::NotFound) => refused.push(text.clone()),
                        moved => moved?,
                    }
                }
                if refused.is_empty() {
                    return Ok(());
                }
                named.retain(|text| refused.contains(text));
                Err(AppError::Forbidden(format!(
                    "Workspace(s) not found, or you are not authorized to move them: {}",
                    named.join(", ")
                )))
            })
        })
        .await
}

async fn move_in(tx: &mut Tx, caller: &Caller, text: &str, to: &ProjectId) -> AppResult<()> {
    let key = WorkspaceKey::Id(text.parse::<WorkspaceId>().map_err(|_| AppError::NotFound)?);
    let (found, place) = lookups::held_workspace(tx, caller, &key, Action::ReadWorkspace).await?;
    let settings = WorkspaceSettings { project_id: Some(to.clone()), ..WorkspaceSettings::default() };
    workspaces::update_in(tx, caller, &place, found.into_inner(), settings).await.map(drop)
}
