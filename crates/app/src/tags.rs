//! Tags that are a word: given to workspaces, listed and deleted in the organization.

use serde_json::json;
use terrane_domain::access::{Action, Caller, visible_workspaces};
use terrane_domain::ids::{TagId, WorkspaceId};
use terrane_domain::tags::{Tag, WRONG_NAME, is_name};
use terrane_domain::workspaces::Workspace;
use terrane_store::Tx;
pub use terrane_store::tags::TagFilter;

use crate::lookups::{self, WorkspaceKey};
use crate::{App, AppError, AppResult, entropy, events};

/// How a request names a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagReference {
    /// By its id; a text that is none names nothing.
    Id(String),
    /// By its name.
    Name(String),
}

/// A tag as documents show it.
#[derive(Debug, Clone)]
pub struct TagView {
    /// The tag.
    pub tag: Tag,
    /// The organization's name.
    pub organization: String,
    /// How many workspaces have it.
    pub instance_count: i64,
}

/// One page of an organization's tags by name, and their total number: what the workspaces have that one sees.
pub async fn list(
    app: &App,
    caller: &Caller,
    organization: &str,
    filter: TagFilter,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<TagView>, i64)> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ReadOrganization).await?;
                let id = &place.organization.id;
                let visibility = visible_workspaces(&caller, id, &place.standing);
                let (tags, total) = terrane_store::tags::list(tx, id, &visibility, &filter, limit, offset).await?;
                Ok((views(&place.organization.name, tags), total))
            })
        })
        .await
}

/// One page of a workspace's tags by name, and their total number.
pub async fn of_workspace(
    app: &App,
    caller: &Caller,
    key: WorkspaceKey,
    limit: i64,
    offset: i64,
) -> AppResult<(Vec<TagView>, i64)> {
    let caller = caller.clone();
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (found, place) = lookups::workspace_with_place(tx, &caller, &key, Action::ReadWorkspace).await?;
                let filter = TagFilter { of: Some(found.id.clone()), ..TagFilter::default() };
                let id = &found.organization_id;
                let visibility = visible_workspaces(&caller, id, &place.standing);
                let (tags, total) = terrane_store::tags::list(tx, id, &visibility, &filter, limit, offset).await?;
                Ok((views(&place.organization.name, tags), total))
            })
        })
        .await
}

fn views(organization: &str, tags: Vec<(Tag, i64)>) -> Vec<TagView> {
    let view = |(tag, instance_count)| TagView { tag, organization: organization.to_owned(), instance_count };
    tags.into_iter().map(view).collect()
}

/// The tag that a request names; a name that is new is made a tag of, an id that is unknown is refused.
async fn find_or_make(tx: &mut Tx, workspace: &Workspace, reference: &TagReference) -> AppResult<Tag> {
    match reference {
        TagReference::Name(name) if !is_name(name) => Err(AppError::invalid("name", WRONG_NAME)),
        TagReference::Name(name) => {
            let tag = Tag {
                id: TagId::from_entropy(entropy()),
                organization_id: workspace.organization_id.clone(),
                name: name.clone(),
                created_at: tx.now(),
            };
            terrane_store::tags::find_or_insert(tx, &tag).await?.ok_or(AppError::NotFound)
        }
        TagReference::Id(_) => find(tx, workspace, reference).await?.ok_or(AppError::NotFound),
    }
}

async fn find(tx: &mut Tx, workspace: &Workspace, reference: &TagReference) -> AppResult<Option<Tag>> {
    match reference {
        TagReference::Name(name) if is_name(name) => {
            Ok(terrane_store::tags::by_name(tx, &workspace.organization_id, name).await?)
        }
        TagReference::Name(_) => Ok(None),
        TagReference::Id(text) => {
            let Ok(id) = text.parse() else { return Ok(None) };
            let found = terrane_store::tags::by_id(tx, &id).await?;
            Ok(found.filter(|tag| tag.organization_id == workspace.organization_id))
        }
    }
}

/// Gives tags to a workspace that the caller was found to change; names those that it did not have.
pub(crate) async fn add_in(tx: &mut Tx, workspace: &Workspace, references: &[TagReference]) -> AppResult<Vec<String>> {
    let mut added = Vec::new();
    for reference in references {
        let tag = find_or_make(tx, workspace, reference).await?;
        if terrane_store::tags::add(tx, &workspace.id, &tag.id).await? {
            added.push(tag.name);
        }
    }
    Ok(added)
}

/// A list of nothing is a mistake of who sent it.
fn nothing_named(kind: &str) -> AppError {
    AppError::Invalid { pointer: Some("/data".to_owned()), detail: format!("At least one {kind} must be named") }
}

/// Gives tags to a workspace; those that it has already stay.
pub async fn add(app: &App, caller: &Caller, key: WorkspaceKey, references: Vec<TagReference>) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::UpdateWorkspace).await?;
                if references.is_empty() {
                    return Err(nothing_named("tag"));
                }
                let names = add_in(tx, &found, &references).await?;
                let details = json!({ "added": names });
                events::record(tx, &caller, &found.organization_id, "workspace.tags", found.id.as_str(), details)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Takes tags from a workspace; those that it does not have are no error. A tag without workspaces vanishes.
pub async fn remove(app: &App, caller: &Caller, key: WorkspaceKey, references: Vec<TagReference>) -> AppResult<()> {
    let caller = caller.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let found = lookups::workspace(tx, &caller, &key, Action::UpdateWorkspace).await?;
                if references.is_empty() {
                    return Err(nothing_named("tag"));
                }
                let mut names = Vec::new();
                for reference in &references {
                    if let Some(tag) = find(tx, &found, reference).await?
                        && terrane_store::tags::remove(tx, &found.id, &tag.id).await?
                    {
                        names.push(tag.name);
                    }
                }
                terrane_store::tags::delete_unused(tx, &found.organization_id).await?;
                let details = json!({ "removed": names });
                events::record(tx, &caller, &found.organization_id, "workspace.tags", found.id.as_str(), details)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Takes tags from all workspaces of an organization.
pub async fn delete(app: &App, caller: &Caller, organization: &str, ids: Vec<String>) -> AppResult<()> {
    let (caller, organization) = (caller.clone(), organization.to_owned());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let place = lookups::organization(tx, &caller, &organization, Action::ManageTags).await?;
                let organization_id = &place.organization.id;
                let mut gone = Vec::new();
                for id in ids.iter().filter_map(|id| id.parse::<TagId>().ok()) {
                    if terrane_store::tags::delete(tx, organization_id, &id).await? {
                        gone.push(id);
                    }
                }
                let details = json!({ "tags": gone });
                events::record(tx, &caller, organization_id, "tags.delete", &place.organization.name, details).await?;
                Ok(())
            })
        })
        .await
}

/// Gives a tag to several workspaces: to all of them or to none.
pub async fn add_workspaces(app: &App, caller: &Caller, id: &TagId, workspaces: Vec<String>) -> AppResult<()> {
    let (caller, id) = (caller.clone(), id.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let tag = terrane_store::tags::by_id(tx, &id).await?.ok_or(AppError::NotFound)?;
                let place = lookups::place_in_organization(tx, &caller, &tag.organization_id).await?;
                let _ = place.judge(&caller, Action::ReadOrganization, terrane_domain::access::Target::Organization)?;
                if workspaces.is_empty() {
                    return Err(nothing_named("workspace"));
                }
                for text in &workspaces {
                    let key = WorkspaceKey::Id(text.parse::<WorkspaceId>().map_err(|_| AppError::NotFound)?);
                    let found = lookups::workspace(tx, &caller, &key, Action::UpdateWorkspace).await?;
                    if found.organization_id != tag.organization_id {
                        return Err(AppError::NotFound);
                    }
                    terrane_store::tags::add(tx, &found.id, &tag.id).await?;
                }
                let details = json!({ "name": tag.name, "workspaces": workspaces });
                events::record(tx, &caller, &tag.organization_id, "tag.workspaces", tag.id.as_str(), details).await?;
                Ok(())
            })
        })
        .await
}
