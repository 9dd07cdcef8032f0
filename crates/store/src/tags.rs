//! Rows of tags, and which workspaces have them.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, TagId, WorkspaceId};
use terrane_domain::tags::Tag;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};
use crate::value::Col;
use crate::visibility::{all_or_visible_to, workspace_is_seen};

record!(Tag, "tags", "$1, $2, $3, $4", { id, organization_id, name, created_at });

/// The name of a workspace's tag.
#[derive(Debug, Clone)]
pub struct WorkspaceTag {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The tag's name.
    pub name: String,
}

record!(WorkspaceTag, "workspace_tags JOIN tags ON tags.id = workspace_tags.tag_id", "", { workspace_id, name });

/// $2: part of the name in lower case; $3: a workspace that does not have it; $4: one that has.
///
/// $5: all workspaces are visible; $6: the only visible one; $7: the person whose teams have access; $8: the team that has.
/// Three of them are nothing. A tag is as visible as the workspaces that have it, and no other workspace counts.
const LISTED: &str = concat!(
    " FROM (SELECT w.tag_id, COUNT(*) AS uses,",
    " MAX(CASE WHEN w.workspace_id = CAST($3 AS TEXT) THEN 1 ELSE 0 END) AS is_unwanted,",
    " MAX(CASE WHEN w.workspace_id = CAST($4 AS TEXT) THEN 1 ELSE 0 END) AS is_wanted",
    " FROM workspace_tags w JOIN workspaces v ON v.id = w.workspace_id WHERE v.organization_id = $1",
    " AND (CAST($5 AS BOOLEAN) = TRUE OR ",
    workspace_is_seen!("v.", "$6", "$7", "$8"),
    ")",
    " GROUP BY w.tag_id) seen JOIN tags t ON t.id = seen.tag_id",
    " WHERE (CAST($2 AS TEXT) IS NULL OR REPLACE(LOWER(t.name), CAST($2 AS TEXT), '') <> LOWER(t.name))",
    " AND seen.is_unwanted = 0 AND (CAST($4 AS TEXT) IS NULL OR seen.is_wanted = 1)",
);

statements! {
    INSERT_TAG = "INSERT INTO tags (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, name) DO NOTHING";
    TAG_BY_ID: Tag = select "WHERE id = $1";
    TAG_BY_NAME: Tag = select "WHERE organization_id = $1 AND name = $2";
    LIST_TAGS = joined ["SELECT t.id, t.organization_id, t.name, t.created_at, seen.uses", LISTED, " ORDER BY t.name LIMIT $9 OFFSET $10"];
    COUNT_TAGS = joined ["SELECT COUNT(*)", LISTED];
    NAMES_OF_WORKSPACES: WorkspaceTag = select_many "workspace_id";
    TAG_WORKSPACE = "INSERT INTO workspace_tags (workspace_id, tag_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    UNTAG_WORKSPACE = "DELETE FROM workspace_tags WHERE workspace_id = $1 AND tag_id = $2";
    DELETE_TAG = "DELETE FROM tags WHERE id = $1 AND organization_id = $2";
    DELETE_UNUSED_TAGS = "DELETE FROM tags WHERE organization_id = $1 AND NOT EXISTS (SELECT 1 FROM workspace_tags w WHERE w.tag_id = tags.id)";
}

/// What a list of tags is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct TagFilter {
    /// Part of the name, the case of ASCII letters ignored.
    pub name_part: Option<String>,
    /// Only those that this workspace does not have.
    pub not_of: Option<WorkspaceId>,
    /// Only those that this workspace has.
    pub of: Option<WorkspaceId>,
}

/// The tag of this name, made if there was none.
pub async fn find_or_insert(tx: &mut Tx, tag: &Tag) -> Result<Option<Tag>, StoreError> {
    tx.execute(&INSERT_TAG, tag.values()).await?;
    by_name(tx, &tag.organization_id, &tag.name).await
}

/// The tag of this id.
pub async fn by_id(tx: &mut Tx, id: &TagId) -> Result<Option<Tag>, StoreError> {
    tx.one(&TAG_BY_ID, values![*id]).await
}

/// The tag of this name.
pub async fn by_name(tx: &mut Tx, id: &OrganizationId, name: &str) -> Result<Option<Tag>, StoreError> {
    tx.one(&TAG_BY_NAME, values![*id, name.to_owned()]).await
}

/// One page of the tags of an organization's visible workspaces by name, each with the number of those that have it, and
/// their total.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &TagFilter,
    limit: i64,
    offset: i64,
) -> Result<(Vec<(Tag, i64)>, i64), StoreError> {
    let part = filter.name_part.as_deref().map(str::to_ascii_lowercase);
    if *visibility == Visibility::Nothing {
        return Ok((Vec::new(), 0));
    }
    let shared = [values![*id, part, filter.not_of, filter.of], all_or_visible_to(visibility)].concat();
    let total = tx.scalar(&COUNT_TAGS, shared.clone()).await?.unwrap_or(0);
    let rows = tx.rows(&LIST_TAGS, [shared, values![limit, offset]].concat()).await?;
    let tags = rows.iter().map(|row| Ok((Tag::from_row(row)?, Col::get(row, 4)?)));
    Ok((tags.collect::<Result<_, StoreError>>()?, total))
}

/// The names of several workspaces' tags, in order.
pub async fn of_workspaces(tx: &mut Tx, ids: &[&WorkspaceId]) -> Result<Vec<WorkspaceTag>, StoreError> {
    let mut tags: Vec<WorkspaceTag> = tx.many(&NAMES_OF_WORKSPACES, ids).await?;
    tags.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(tags)
}

/// Gives a workspace a tag; tells whether it did not have it.
pub async fn add(tx: &mut Tx, id: &WorkspaceId, tag_id: &TagId) -> Result<bool, StoreError> {
    tx.changed(&TAG_WORKSPACE, values![*id, *tag_id]).await
}

/// Takes a tag from a workspace; tells whether it had it.
pub async fn remove(tx: &mut Tx, id: &WorkspaceId, tag_id: &TagId) -> Result<bool, StoreError> {
    tx.changed(&UNTAG_WORKSPACE, values![*id, *tag_id]).await
}

/// Takes a tag from all workspaces of its organization.
pub async fn delete(tx: &mut Tx, organization_id: &OrganizationId, id: &TagId) -> Result<bool, StoreError> {
    tx.changed(&DELETE_TAG, values![*id, *organization_id]).await
}

/// Deletes the tags that no workspace has any more.
pub async fn delete_unused(tx: &mut Tx, id: &OrganizationId) -> Result<(), StoreError> {
    tx.execute(&DELETE_UNUSED_TAGS, values![*id]).await.map(drop)
}
