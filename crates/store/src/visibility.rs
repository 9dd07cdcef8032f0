//! Who sees which workspaces, projects and teams, in SQL: what [`Visibility`] says, written once. Statements put the
//! fragments in with the numbers of their own values; $1 is the organization in all of them.

use terrane_domain::access::Visibility;
use terrane_domain::ids::WorkspaceId;

use crate::transaction::values;
use crate::value::Val;

/// The person's teams, or the team: one of the two values is nothing.
macro_rules! own_teams {
    ($user:literal, $team:literal) => {
        concat!(
            "SELECT CAST(",
            $team,
            " AS TEXT) UNION ALL SELECT team_id FROM team_members WHERE user_id = CAST(",
            $user,
            " AS TEXT)",
        )
    };
}

/// The projects to which these teams have access.
macro_rules! projects_of_teams {
    ($user:literal, $team:literal) => {
        concat!(
            "SELECT project_id FROM team_projects WHERE organization_id = $1 AND team_id IN (",
            $crate::visibility::own_teams!($user, $team),
            ")",
        )
    };
}

/// The workspaces to which they have access by themselves.
macro_rules! workspaces_of_teams {
    ($user:literal, $team:literal) => {
        concat!(
            "SELECT workspace_id FROM team_workspaces WHERE organization_id = $1 AND team_id IN (",
            $crate::visibility::own_teams!($user, $team),
            ")",
        )
    };
}

/// The condition that a workspace is seen whose columns are called `$row` and a name: it is the only one, or teams have
/// access to it or to its project. Of the three values two are nothing.
macro_rules! workspace_is_seen {
    ($row:literal, $only:literal, $user:literal, $team:literal) => {
        concat!(
            "(",
            $row,
            "id = CAST(",
            $only,
            " AS TEXT) OR ",
            $row,
            "id IN (",
            $crate::visibility::workspaces_of_teams!($user, $team),
            ") OR ",
            $row,
            "project_id IN (",
            $crate::visibility::projects_of_teams!($user, $team),
            "))",
        )
    };
}

/// The condition that a project is seen: teams have access to it, or a workspace in it is seen.
macro_rules! project_is_seen {
    ($only:literal, $user:literal, $team:literal) => {
        concat!(
            "id IN (",
            $crate::visibility::projects_of_teams!($user, $team),
            " UNION ALL SELECT project_id FROM workspaces WHERE id = CAST(",
            $only,
            " AS TEXT) OR id IN (",
            $crate::visibility::workspaces_of_teams!($user, $team),
            "))",
        )
    };
}

pub(crate) use own_teams;
pub(crate) use project_is_seen;
pub(crate) use projects_of_teams;
pub(crate) use workspace_is_seen;
pub(crate) use workspaces_of_teams;

/// The three values of a statement that shows what one may see: the only workspace, the person, the team. None if it
/// shows all or nothing.
pub(crate) fn visible_to(visibility: &Visibility) -> Option<Vec<Val>> {
    let (mut only, mut user, mut team) = (None, None, None);
    match visibility {
        Visibility::Nothing | Visibility::All => return None,
        Visibility::Workspace(id) => only = Some(id.clone()),
        Visibility::OfUser(id) => user = Some(id.clone()),
        Visibility::OfTeam(id) => team = Some(id.clone()),
    }
    Some(values![only, user, team])
}

/// The four values of a statement that shows all, or what one may see: whether it is all, and the three of [`visible_to`].
pub(crate) fn all_or_visible_to(visibility: &Visibility) -> Vec<Val> {
    let nobody = values![None::<WorkspaceId>, None::<String>, None::<String>];
    [values![*visibility == Visibility::All], visible_to(visibility).unwrap_or(nobody)].concat()
}
