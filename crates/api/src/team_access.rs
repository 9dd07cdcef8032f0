//! Access of teams to workspaces and projects. Source: `api-docs/team-access.mdx`, `project-team-access.mdx`.

mod projects;
mod workspaces;

use terrane_app::{App, AppError};
use terrane_jsonapi::{Document, Identifier, Input, Page, Query, Resource};

use crate::error::ApiResult;
use crate::extract::{address, id};
use crate::routes::Routes;

pub(crate) fn routes() -> Routes {
    Routes::default().merge(workspaces::routes()).merge(projects::routes())
}

/// An id that a list cannot do without.
fn required<T: std::str::FromStr>(query: &Query, name: &str) -> ApiResult<T> {
    id(query.required(name)?)
}

/// An id that narrows a list.
fn optional<T: std::str::FromStr>(query: &Query, name: &str) -> ApiResult<Option<T>> {
    query.first(name).map(id).transpose()
}

/// What a relation that must be there names.
fn related<T: std::str::FromStr>(input: &Input, name: &str) -> ApiResult<T> {
    let Identifier { id: text, .. } = input.required_relation(name)?;
    text.parse().map_err(|_| AppError::NotFound.into())
}

/// One page of what is all read already.
fn page(app: &App, all: Vec<Resource>, path: &str, query: &Query) -> ApiResult<Document> {
    let (page, total) = (Page::parse(query)?, all.len() as u64);
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let shown = all.into_iter().skip(skip).take(usize::try_from(page.limit()).unwrap_or(0)).collect();
    Ok(Document::page(shown, page, total, &address(app, path), query))
}
