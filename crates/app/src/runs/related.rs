//! What documents of runs include beside them, by as many statements for a page of runs as for one.
//!
//! Source: `api-docs/run.mdx`, "Available Related Resources".

use std::collections::BTreeSet;

use terrane_domain::access::Caller;
use terrane_domain::configuration_versions::ConfigurationVersion;
use terrane_domain::run_events::RunEvent;
use terrane_domain::users::User;

use super::RunView;
use crate::comments::{self, CommentView};
use crate::workspaces::{self, WorkspaceView};
use crate::{App, AppResult, lookups};

/// What is wanted beside runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an include of its own")]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Wanted {
    pub workspace: bool,
    pub configuration_version: bool,
    pub users: bool,
    pub run_events: bool,
    pub comments: bool,
}

/// What was found.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Related {
    pub workspaces: Vec<WorkspaceView>,
    pub configuration_versions: Vec<ConfigurationVersion>,
    /// Who queued and who confirmed the runs.
    pub users: Vec<User>,
    pub run_events: Vec<RunEvent>,
    pub comments: Vec<CommentView>,
}

/// Ids without repetition.
fn ids<'a, T: Ord>(ids: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is wanted beside runs of one organization, which the caller was shown.
pub async fn related(app: &App, caller: &Caller, views: &[RunView], wanted: Wanted) -> AppResult<Related> {
    let Some(first) = views.first().filter(|_| wanted != Wanted::default()) else { return Ok(Related::default()) };
    let organization_id = first.run.organization_id.clone();
    let (caller, views) = (caller.clone(), views.to_vec());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let mut related = Related::default();
                let run_ids = ids(views.iter().map(|view| &view.run.id));
                if wanted.workspace {
                    let place = lookups::place_in_organization(tx, &caller, &organization_id).await?;
                    let ids = ids(views.iter().map(|view| &view.run.workspace_id));
                    let rows = terrane_store::workspaces::by_ids(tx, &ids).await?;
                    related.workspaces = workspaces::views(tx, &caller, &place, rows).await?;
                }
                if wanted.configuration_version {
                    let ids = ids(views.iter().map(|view| &view.run.configuration_version_id));
                    related.configuration_versions = terrane_store::configuration_versions::by_ids(tx, &ids).await?;
                }
                if wanted.users {
                    let users = views.iter().flat_map(|view| view.run.created_by.iter().chain(&view.run.confirmed_by));
                    related.users = terrane_store::users::by_ids(tx, &ids(users)).await?;
                }
                if wanted.run_events || wanted.comments {
                    let events = terrane_store::run_events::of_runs(tx, &run_ids).await?;
                    if wanted.comments {
                        let comments = terrane_store::comments::of_runs(tx, &run_ids).await?;
                        related.comments =
                            comments.into_iter().map(|comment| comments::view(comment, &events)).collect();
                    }
                    if wanted.run_events {
                        related.run_events = events;
                    }
                }
                Ok(related)
            })
        })
        .await
}
