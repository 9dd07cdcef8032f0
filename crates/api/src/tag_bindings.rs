//! Tags with a key and a value. Source: `api-docs/workspaces.mdx` and `api-docs/projects.mdx`, tag bindings.
//!
//! Clients use the short path, the documents a longer one; both are served.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use terrane_app::App;
use terrane_app::tag_bindings::{self, BindingChange};
use terrane_domain::access::{Action, Caller};
use terrane_domain::tag_bindings::{EffectiveTagBinding, TagBinding, Taggable};
use terrane_jsonapi::{Document, Query, Reference, Resource};

use crate::error::ApiResult;
use crate::extract::{Authenticated, Json, address, document, id, references};
use crate::routes::{Access, Routes};

pub(crate) fn routes() -> Routes {
    let (read, update) = (Access::Right(Action::ReadWorkspace), Access::Right(Action::UpdateWorkspace));
    let (see, change) = (Access::Right(Action::ReadProject), Access::Right(Action::UpdateProject));
    Routes::default()
        .get("/api/v2/workspaces/{workspace}/tag-bindings", read, list_of_workspace)
        .patch("/api/v2/workspaces/{workspace}/tag-bindings", update, merge_of_workspace)
        .get("/api/v2/workspaces/{workspace}/relationships/tag-bindings", read, list_of_workspace)
        .post("/api/v2/workspaces/{workspace}/relationships/tag-bindings", update, merge_of_workspace)
        .patch("/api/v2/workspaces/{workspace}/relationships/tag-bindings", update, merge_of_workspace)
        .get("/api/v2/workspaces/{workspace}/effective-tag-bindings", read, effective_of_workspace)
        .get("/api/v2/projects/{project}/tag-bindings", see, list_of_project)
        .patch("/api/v2/projects/{project}/tag-bindings", change, merge_of_project)
        .get("/api/v2/projects/{project}/relationships/tag-bindings", see, list_of_project)
        .post("/api/v2/projects/{project}/relationships/tag-bindings", change, merge_of_project)
        .patch("/api/v2/projects/{project}/relationships/tag-bindings", change, merge_of_project)
        .get("/api/v2/projects/{project}/effective-tag-bindings", see, effective_of_project)
}

fn resource(binding: &TagBinding) -> Resource {
    Resource::new("tag-bindings", binding.id.as_str())
        .attributes(&json!({ "key": binding.key, "value": binding.value, "created-at": binding.created_at }))
}

/// The id of what counts for the thing of id `owner`: many inherit the same binding, and each has it under an id of its
/// own, lest two of them be one resource in a document.
pub(crate) fn effective_id(owner: &str, effective: &EffectiveTagBinding) -> String {
    match effective.inherited_from {
        Some(_) => format!("{}-{owner}", effective.binding.id),
        None => effective.binding.id.to_string(),
    }
}

pub(crate) fn effective(app: &App, owner: &str, effective: &EffectiveTagBinding) -> Resource {
    let binding = &effective.binding;
    let resource = Resource::new("effective-tag-bindings", effective_id(owner, effective))
        .attributes(&json!({ "key": binding.key, "value": binding.value }));
    match &effective.inherited_from {
        Some(id) => resource.link("inherited-from", address(app, &format!("projects/{id}"))),
        None => resource,
    }
}

/// The keys and values of a request's list.
pub(crate) fn pairs(references: &[Reference]) -> Vec<(String, String)> {
    let text = |reference: &Reference, name| reference.text(name).unwrap_or_default().to_owned();
    references.iter().map(|reference| (text(reference, "key"), text(reference, "value"))).collect()
}

/// The keys, with values where there are some, of `filter[tagged][0][key]` and so on.
pub(crate) fn tagged(query: &Query) -> Vec<(String, Option<String>)> {
    let mut filters: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (name, value) in query.pairs() {
        let Some(rest) = name.strip_prefix("filter[tagged][") else { continue };
        if let Some(index) = rest.strip_suffix("][key]") {
            filters.entry(index).or_default().0 = Some(value);
        } else if let Some(index) = rest.strip_suffix("][value]") {
            filters.entry(index).or_default().1 = Some(value);
        }
    }
    let filter = |(key, value): (Option<&str>, Option<&str>)| {
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        Some((key.filter(|key| !key.is_empty())?.to_owned(), value))
    };
    filters.into_values().filter_map(filter).collect()
}

async fn list(app: &App, caller: &Caller, taggable: Taggable) -> ApiResult<Response> {
    let bindings = tag_bindings::list(app, caller, taggable).await?;
    Ok(document(StatusCode::OK, &Document::many(bindings.iter().map(resource).collect())))
}

async fn list_effective(app: &App, caller: &Caller, taggable: Taggable) -> ApiResult<Response> {
    let owner = match &taggable {
        Taggable::Workspace(id) => id.to_string(),
        Taggable::Project(id) => id.to_string(),
    };
    let bindings = tag_bindings::list_effective(app, caller, taggable).await?;
    let resources = bindings.iter().map(|binding| effective(app, &owner, binding)).collect();
    Ok(document(StatusCode::OK, &Document::many(resources)))
}

async fn merge(app: &App, caller: &Caller, taggable: Taggable, body: &[u8]) -> ApiResult<Response> {
    let wanted = pairs(&references(body)?);
    let bindings = tag_bindings::change(app, caller, taggable, wanted, BindingChange::Merge).await?;
    Ok(document(StatusCode::OK, &Document::many(bindings.iter().map(resource).collect())))
}

async fn list_of_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    list(&app, &caller, Taggable::Workspace(id(&workspace)?)).await
}

async fn list_of_project(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
) -> ApiResult<Response> {
    list(&app, &caller, Taggable::Project(id(&project)?)).await
}

async fn effective_of_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
) -> ApiResult<Response> {
    list_effective(&app, &caller, Taggable::Workspace(id(&workspace)?)).await
}

async fn effective_of_project(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
) -> ApiResult<Response> {
    list_effective(&app, &caller, Taggable::Project(id(&project)?)).await
}

async fn merge_of_workspace(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(workspace): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    merge(&app, &caller, Taggable::Workspace(id(&workspace)?), &body.0).await
}

async fn merge_of_project(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(project): Path<String>,
    body: Json,
) -> ApiResult<Response> {
    merge(&app, &caller, Taggable::Project(id(&project)?), &body.0).await
}
