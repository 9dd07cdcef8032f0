//! Moving workspaces into a project: all of them or none.
//!
//! Source: `api-docs/projects.mdx`, "Move workspaces into a project".

use serde_json::json;
use terrane_domain::access::{Action, Caller, Target};
use terrane_domain::ids::{ProjectId, WorkspaceId};
use terrane_domain::workspaces::Workspace;
use terrane_store::Tx;

use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppError, AppResult, events};

/// Moves workspaces into a project of their organization. It takes the right on the project and on that of each.
pub async fn move_workspaces(app: &App, caller: &Caller, id: &ProjectId, named: Vec<String>) -> AppResult<()> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (project, place) = lookups::project(tx, &caller, &id, Action::ReadProject).await?;
                let is_default = place.organization.default_project_id == id;
                let may_take = place.judge(&caller, Action::MoveWorkspace, Target::Project { is_default }).is_ok();
                let (mut found, mut refused) = (Vec::new(), Vec::new());
                for text in named {
                    let workspace = if may_take { movable(tx, &caller, &text).await? } else { None };
                    match workspace.filter(|workspace| workspace.organization_id == project.organization_id) {
                        Some(workspace) => found.push(workspace),
                        None => refused.push(text),
                    }
                }
                if !refused.is_empty() {
                    return Err(AppError::Forbidden(format!(
                        "Workspace(s) not found, or you are not authorized to move them: {}",
                        refused.join(", ")
                    )));
                }
                if found.is_empty() {
                    return Err(AppError::Invalid {
                        pointer: Some("/data".to_owned()),
                        detail: "At least one workspace must be named".to_owned(),
                    });
                }
                for mut workspace in found {
                    let from = std::mem::replace(&mut workspace.project_id, id.clone());
                    workspace.updated_at = tx.now();
                    terrane_store::workspaces::update_settings(tx, &workspace).await?;
                    let details = json!({ "from": from, "to": id });
                    let subject = workspace.id.as_str();
                    events::record(tx, &caller, &workspace.organization_id, "workspace.move", subject, details).await?;
                }
                Ok(())
            })
        })
        .await
}

/// The workspace, if the caller may take it out of its project.
async fn movable(tx: &mut Tx, caller: &Caller, text: &str) -> AppResult<Option<Workspace>> {
    let Ok(id) = text.parse::<WorkspaceId>() else { return Ok(None) };
    let found = match lookups::workspace(tx, caller, &WorkspaceKey::Id(id), Action::ReadWorkspace).await {
        Ok(found) => found.into_inner(),
        Err(AppError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    match lookups::project(tx, caller, &found.project_id, Action::MoveWorkspace).await {
        Ok(_) => Ok(Some(found)),
        Err(AppError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
