//! Tags with a key and a value: bound to workspaces and projects, and inherited from project to workspace.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use terrane_domain::access::{Action, Caller};
use terrane_domain::ids::{OrganizationId, ProjectId, TagBindingId};
use terrane_domain::tag_bindings::{
    EffectiveTagBinding, MAX_BINDINGS, TagBinding, TagBindingError, Taggable, check, effective,
};
use terrane_store::Tx;

use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppError, AppResult, entropy, events};

/// What a request does with the keys and values that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingChange {
    /// Adds them, or gives keys that are there another value.
    Merge,
    /// Makes them all that is bound.
    Replace,
}

impl From<TagBindingError> for AppError {
    fn from(error: TagBindingError) -> Self {
        match error {
            TagBindingError::Value => Self::invalid("value", error.to_string()),
            TagBindingError::TooMany => Self::Invalid { pointer: None, detail: error.to_string() },
            _ => Self::invalid("key", error.to_string()),
        }
    }
}

/// Looks the thing up for a list.
async fn authorize(tx: &mut Tx, caller: &Caller, taggable: &Taggable) -> AppResult<()> {
    match taggable {
        Taggable::Workspace(id) => {
            lookups::workspace(tx, caller, &WorkspaceKey::Id(id.clone()), Action::ReadWorkspace).await?;
        }
        Taggable::Project(id) => {
            lookups::project(tx, caller, id, Action::ReadProject).await?;
        }
    }
    Ok(())
}

/// Looks the thing up for a change. It is held: what is bound to it is read, and then written.
async fn authorize_change(tx: &mut Tx, caller: &Caller, taggable: &Taggable) -> AppResult<OrganizationId> {
    Ok(match taggable {
        Taggable::Workspace(id) => {
            let key = WorkspaceKey::Id(id.clone());
            let (found, _) = lookups::held_workspace(tx, caller, &key, Action::UpdateWorkspace).await?;
            found.organization_id.clone()
        }
        Taggable::Project(id) => {
            let (found, _) = lookups::held_project(tx, caller, id, Action::UpdateProject).await?;
            found.organization_id.clone()
        }
    })
}

/// What is bound to something itself.
pub async fn list(app: &App, caller: &Caller, taggable: Taggable) -> AppResult<Vec<TagBinding>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                authorize(tx, &caller, &taggable).await?;
                Ok(terrane_store::tag_bindings::of(tx, &taggable).await?)
            })
        })
        .await
}

/// What is bound to each of several projects that the caller was shown.
pub async fn of_projects(app: &App, ids: Vec<ProjectId>) -> AppResult<HashMap<ProjectId, Vec<TagBinding>>> {
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let ids: Vec<_> = ids.iter().collect();
                let mut bound: HashMap<_, Vec<_>> = HashMap::new();
                for binding in terrane_store::tag_bindings::of_projects(tx, &ids).await? {
                    if let Some(id) = binding.project_id.clone() {
                        bound.entry(id).or_default().push(binding);
                    }
                }
                Ok(bound)
            })
        })
        .await
}

/// What counts for something: its own, and what it inherits.
pub async fn list_effective(app: &App, caller: &Caller, taggable: Taggable) -> AppResult<Vec<EffectiveTagBinding>> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                authorize(tx, &caller, &taggable).await?;
                let own = terrane_store::tag_bindings::of(tx, &taggable).await?;
                let inherited = match &taggable {
                    Taggable::Project(_) => Vec::new(),
                    Taggable::Workspace(id) => {
                        let found = terrane_store::workspaces::by_id(tx, id).await?.ok_or(AppError::NotFound)?;
                        terrane_store::tag_bindings::of_projects(tx, &[&found.project_id]).await?
                    }
                };
                Ok(effective(own, inherited))
            })
        })
        .await
}

/// Binds keys and values; answers what is bound then.
pub async fn change(
    app: &App,
    caller: &Caller,
    taggable: Taggable,
    wanted: Vec<(String, String)>,
    change: BindingChange,
) -> AppResult<Vec<TagBinding>> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let organization_id = authorize_change(tx, &caller, &taggable).await?;
                let keys: Vec<_> = wanted.iter().map(|(key, _)| key.clone()).collect();
                write(tx, &organization_id, &taggable, wanted, change).await?;
                let (action, id) = match &taggable {
                    Taggable::Workspace(id) => ("workspace.tag-bindings", id.as_str()),
                    Taggable::Project(id) => ("project.tag-bindings", id.as_str()),
                };
                events::record(tx, &caller, &organization_id, action, id, json!({ "keys": keys })).await?;
                Ok(terrane_store::tag_bindings::of(tx, &taggable).await?)
            })
        })
        .await
}

/// Makes keys and values all that is bound to something that the caller was found to change and that is held.
pub(crate) async fn replace_in(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    taggable: &Taggable,
    wanted: Vec<(String, String)>,
) -> AppResult<()> {
    write(tx, organization_id, taggable, wanted, BindingChange::Replace).await
}

async fn write(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    taggable: &Taggable,
    wanted: Vec<(String, String)>,
    change: BindingChange,
) -> AppResult<()> {
    let mut keys = BTreeSet::new();
    for (key, value) in &wanted {
        check(key, value)?;
        if !keys.insert(key.clone()) {
            return Err(TagBindingError::KeyTwice.into());
        }
    }
    let present = terrane_store::tag_bindings::of(tx, taggable).await?;
    let kept = present.iter().filter(|binding| change == BindingChange::Merge && !keys.contains(&binding.key)).count();
    if kept + wanted.len() > MAX_BINDINGS {
        return Err(TagBindingError::TooMany.into());
    }
    if change == BindingChange::Replace {
        for binding in present.iter().filter(|binding| !keys.contains(&binding.key)) {
            terrane_store::tag_bindings::delete(tx, &binding.id).await?;
        }
    }
    let (workspace_id, project_id) = match taggable {
        Taggable::Workspace(id) => (Some(id.clone()), None),
        Taggable::Project(id) => (None, Some(id.clone())),
    };
    for (position, (key, value)) in (0..).zip(wanted) {
        if let Some(binding) = present.iter().find(|binding| binding.key == key) {
            terrane_store::tag_bindings::set_value(tx, &binding.id, &value).await?;
            continue;
        }
        let binding = TagBinding {
            id: TagBindingId::from_entropy(entropy()),
            organization_id: organization_id.clone(),
            workspace_id: workspace_id.clone(),
            project_id: project_id.clone(),
            key,
            value,
            created_at: tx.now(),
            position,
        };
        terrane_store::tag_bindings::insert(tx, &binding).await?;
    }
    Ok(())
}
