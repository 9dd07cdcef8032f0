//! What documents of workspaces include beside them, by as many statements for a page of workspaces as for one.
//!
//! Source: `api-docs/workspaces.mdx`, "Available Related Resources".

use std::collections::{BTreeSet, HashMap};

use terrane_domain::access::{Action, Caller};
use terrane_domain::configuration_versions::ConfigurationVersion;
use terrane_domain::ids::WorkspaceId;
use terrane_domain::runner_protocol::Phase;
use terrane_domain::state_versions::StateVersionOutput;
use terrane_domain::tag_bindings::{EffectiveTagBinding, effective};
use terrane_domain::users::User;
use terrane_domain::workspaces::LockHolder;
use terrane_store::Tx;

use super::WorkspaceView;
use crate::lookups::{self, Place};
use crate::organizations::OrganizationView;
use crate::plans::PhaseView;
use crate::projects::ProjectView;
use crate::runs::RunView;
use crate::state_versions::StateVersionView;
use crate::{App, AppResult, organizations, plans, projects, runs, state_versions};

/// What is wanted beside workspaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an include of its own")]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Wanted {
    pub organization: bool,
    pub project: bool,
    pub current_run: bool,
    pub current_run_plan: bool,
    pub current_run_configuration_version: bool,
    pub current_configuration_version: bool,
    pub current_state_version: bool,
    pub outputs: bool,
    pub locked_by: bool,
    pub effective_tag_bindings: bool,
}

/// What was found; only what the caller may read.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "they are the API's names")]
pub struct Related {
    pub organization: Option<OrganizationView>,
    pub projects: Vec<ProjectView>,
    /// Current runs, and runs that hold a lock.
    pub runs: Vec<RunView>,
    pub plans: Vec<PhaseView>,
    pub configuration_versions: Vec<ConfigurationVersion>,
    pub state_versions: Vec<StateVersionView>,
    /// The outputs of each workspace's newest state.
    pub outputs: HashMap<WorkspaceId, Vec<StateVersionOutput>>,
    pub users: Vec<User>,
    pub effective_tag_bindings: HashMap<WorkspaceId, Vec<EffectiveTagBinding>>,
}

/// Ids without repetition.
fn ids<'a, T: Ord>(ids: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What is wanted beside workspaces of one organization, which the caller was shown.
pub async fn related(app: &App, caller: &Caller, views: &[WorkspaceView], wanted: Wanted) -> AppResult<Related> {
    let Some(first) = views.first().filter(|_| wanted != Wanted::default()) else { return Ok(Related::default()) };
    let organization_id = first.workspace.organization_id.clone();
    let (app_, caller, views) = (app.clone(), caller.clone(), views.to_vec());
    app.store
        .read(move |tx| {
            Box::pin(async move {
                let place = lookups::place_in_organization(tx, &caller, &organization_id).await?;
                let mut related = Related::default();
                if wanted.organization {
                    related.organization = organizations::view_if_visible(&caller, &place);
                }
                if wanted.project {
                    let ids = ids(views.iter().map(|view| &view.workspace.project_id));
                    related.projects = projects::some(tx, &caller, &place, &ids).await?;
                }
                add_runs(tx, &app_, &caller, &place, &views, wanted, &mut related).await?;
                add_configurations(tx, &views, wanted, &mut related).await?;
                add_states(tx, &app_, &caller, &views, wanted, &mut related).await?;
                if wanted.locked_by {
                    let holders = views.iter().filter_map(|view| match &view.workspace.lock_holder {
                        Some(LockHolder::User(id)) => Some(id),
                        _ => None,
                    });
                    related.users = terrane_store::users::by_ids(tx, &ids(holders)).await?;
                }
                if wanted.effective_tag_bindings {
                    related.effective_tag_bindings = bindings(tx, &views).await?;
                }
                Ok(related)
            })
        })
        .await
}

async fn add_runs(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    place: &Place,
    views: &[WorkspaceView],
    wanted: Wanted,
    related: &mut Related,
) -> AppResult<()> {
    let mut run_ids = BTreeSet::new();
    for WorkspaceView { workspace, .. } in views {
        if wanted.current_run || wanted.current_run_plan || wanted.current_run_configuration_version {
            run_ids.extend(&workspace.current_run_id);
        }
        if let (true, Some(LockHolder::Run(id) | LockHolder::Recovery(id))) = (wanted.locked_by, &workspace.lock_holder)
        {
            run_ids.insert(id);
        }
    }
    let run_ids: Vec<_> = run_ids.into_iter().collect();
    let rows = terrane_store::runs::by_ids(tx, &run_ids).await?;
    related.runs = runs::readable(tx, app, caller, place, rows).await?;
    if wanted.current_run_plan {
        related.plans =
            related.runs.iter().map(|view| plans::PhaseView::of_run(app, caller, view, Phase::Plan)).collect();
    }
    Ok(())
}

async fn add_configurations(
    tx: &mut Tx,
    views: &[WorkspaceView],
    wanted: Wanted,
    related: &mut Related,
) -> AppResult<()> {
    let mut version_ids = BTreeSet::new();
    if wanted.current_configuration_version {
        version_ids.extend(views.iter().filter_map(|view| view.workspace.current_configuration_version_id.as_ref()));
    }
    if wanted.current_run_configuration_version {
        version_ids.extend(related.runs.iter().map(|view| &view.run.configuration_version_id));
    }
    let version_ids: Vec<_> = version_ids.into_iter().collect();
    related.configuration_versions = terrane_store::configuration_versions::by_ids(tx, &version_ids).await?;
    Ok(())
}

async fn add_states(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    views: &[WorkspaceView],
    wanted: Wanted,
    related: &mut Related,
) -> AppResult<()> {
    let readable = |action| views.iter().filter(move |view| view.may(action));
    if wanted.current_state_version {
        let current = readable(Action::ReadState).filter_map(|view| view.workspace.current_state_version_id.as_ref());
        related.state_versions = state_versions::some(tx, app, caller, &ids(current)).await?;
    }
    if wanted.outputs {
        let current: HashMap<_, _> = readable(Action::ReadStateOutputs)
            .filter_map(|view| Some((view.workspace.current_state_version_id.clone()?, view.workspace.id.clone())))
            .collect();
        for output in terrane_store::state_versions::outputs_of(tx, &ids(current.keys())).await? {
            if let Some(id) = current.get(&output.state_version_id) {
                related.outputs.entry(id.clone()).or_default().push(output);
            }
        }
    }
    Ok(())
}

async fn bindings(tx: &mut Tx, views: &[WorkspaceView]) -> AppResult<HashMap<WorkspaceId, Vec<EffectiveTagBinding>>> {
    let own = ids(views.iter().map(|view| &view.workspace.id));
    let own = terrane_store::tag_bindings::of_workspaces(tx, &own).await?;
    let of_projects = ids(views.iter().map(|view| &view.workspace.project_id));
    let of_projects = terrane_store::tag_bindings::of_projects(tx, &of_projects).await?;
    let of = |view: &WorkspaceView| {
        let workspace = &view.workspace;
        let own = own.iter().filter(|binding| binding.workspace_id.as_ref() == Some(&workspace.id));
        let inherited = of_projects.iter().filter(|binding| binding.project_id.as_ref() == Some(&workspace.project_id));
        (workspace.id.clone(), effective(own.cloned().collect(), inherited.cloned().collect()))
    };
    Ok(views.iter().map(of).collect())
}
