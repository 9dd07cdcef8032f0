//! Access of teams to workspaces and projects. Source: `api-docs/team-access.mdx`, `project-team-access.mdx`.

mod projects;
mod workspaces;

use std::collections::HashSet;

use terrane_domain::access::Caller;
use terrane_domain::ids::TeamId;
use terrane_domain::team_access::ReadOnly;
use terrane_domain::teams::Team;
use terrane_store::Tx;

use crate::lookups::Place;
use crate::{AppError, AppResult, teams};

pub use projects::{
    ProjectSettings, create as create_for_project, delete as delete_for_project, list as list_for_project,
    read as read_for_project, update as update_for_project,
};
pub use workspaces::{
    WorkspaceSettings, create as create_for_workspace, delete as delete_for_workspace, list as list_for_workspace,
    read as read_for_workspace, update as update_for_workspace,
};

impl From<ReadOnly> for AppError {
    fn from(error: ReadOnly) -> Self {
        let attribute = error.name.to_ascii_lowercase().replace(' ', "-");
        Self::invalid(&attribute, error.to_string())
    }
}

/// The teams that the caller may see, in the organization of the thing.
async fn visible_teams(tx: &mut Tx, caller: &Caller, place: &Place) -> AppResult<HashSet<TeamId>> {
    let found = terrane_store::teams::of_organization(tx, &place.organization.id).await?;
    Ok(found.into_iter().filter(|team| teams::sees(place, caller, team)).map(|team| team.id).collect())
}

/// A team that the caller may see, in the organization of the thing.
async fn team_at(tx: &mut Tx, caller: &Caller, place: &Place, id: &TeamId) -> AppResult<Team> {
    let found = terrane_store::teams::by_id(tx, id).await?;
    let found = found.filter(|team| team.organization_id == place.organization.id);
    found.filter(|team| teams::sees(place, caller, team)).ok_or(AppError::NotFound)
}
