//! What documents of state versions include beside them. Source: `api-docs/state-versions.mdx`, "Available Related
//! Resources".

use std::collections::BTreeSet;

use terrane_domain::access::{Action, Caller};
use terrane_domain::configuration_versions::ConfigurationVersion;
use terrane_domain::state_versions::StateVersionOutput;
use terrane_domain::users::User;

use super::StateVersionView;
use crate::lookups::{self, WorkspaceKey};
use crate::runs::{self, RunView};
use crate::{App, AppResult};

/// What is wanted beside state versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an include of its own")]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Wanted {
    pub outputs: bool,
    pub created_by: bool,
    pub run: bool,
    pub run_created_by: bool,
    pub run_configuration_version: bool,
}

/// What was found.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Related {
    pub outputs: Vec<StateVersionOutput>,
    pub users: Vec<User>,
    pub runs: Vec<RunView>,
    pub configuration_versions: Vec<ConfigurationVersion>,
}

/// What is wanted beside state versions of one workspace, which the caller was shown.
pub async fn related(app: &App, caller: &Caller, views: &[StateVersionView], wanted: Wanted) -> AppResult<Related> {
    let Some(first) = views.first().filter(|_| wanted != Wanted::default()) else { return Ok(Related::default()) };
    let key = WorkspaceKey::Id(first.version.workspace_id.clone());
    let (app_, caller, views) = (app.clone(), caller.clone(), views.to_vec());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let (_, place) = lookups::workspace_with_place(tx, &caller, &key, Action::ReadState).await?;
                let mut related = Related::default();
                if wanted.outputs {
                    let ids: Vec<_> = views.iter().map(|view| &view.version.id).collect();
                    related.outputs = terrane_store::state_versions::outputs_of(tx, &ids).await?;
                }
                if wanted.run || wanted.run_created_by || wanted.run_configuration_version {
                    let ids: BTreeSet<_> = views.iter().filter_map(|view| view.version.run_id.as_ref()).collect();
                    let rows = terrane_store::runs::by_ids(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
                    related.runs = runs::readable(tx, &app_, &caller, &place, rows).await?;
                }
                let mut users = BTreeSet::new();
                if wanted.created_by {
                    users.extend(views.iter().filter_map(|view| view.version.created_by.as_ref()));
                }
                if wanted.run_created_by {
                    users.extend(related.runs.iter().filter_map(|view| view.run.created_by.as_ref()));
                }
                related.users = terrane_store::users::by_ids(tx, &users.into_iter().collect::<Vec<_>>()).await?;
                if wanted.run_configuration_version {
                    let ids: BTreeSet<_> = related.runs.iter().map(|view| &view.run.configuration_version_id).collect();
                    let ids: Vec<_> = ids.into_iter().collect();
                    related.configuration_versions = terrane_store::configuration_versions::by_ids(tx, &ids).await?;
                }
                Ok(related)
            })
        })
        .await
}
