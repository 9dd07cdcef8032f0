//! Rows of organizations, teams, users and projects.

use terrane_domain::access::Membership;
use terrane_domain::ids::{OrganizationId, ProjectId, TeamId, UserId};
use terrane_domain::organizations::{OWNERS, Organization, Project, Team, User};
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::statement::{Statement, record, statements};
use crate::transaction::{Tx, values};

record!(Organization, "organizations", "$1, $2, $3, $4", { id, name, email, created_at });
record!(User, "users", "$1, $2, $3, $4, $5", { id, username, email, is_site_admin, created_at });
record!(Team, "teams", "$1, $2, $3", { id, organization_id, name });
record!(Project, "projects", "$1, $2, $3, $4", { id, organization_id, name, created_at });

/// An organization and what a person is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The organization.
    pub organization: Organization,
    /// What the person is.
    pub membership: Membership,
}

struct StandingRow {
    id: OrganizationId,
    name: String,
    email: String,
    created_at: Timestamp,
    rank: Option<i64>,
}

// $2: the person, or nobody; $3: the name of the team of owners. The rank is 2 for an owner, 1 for another member.
record!(StandingRow, "(SELECT o.id, o.name, o.email, o.created_at, (SELECT CAST(MAX(CASE WHEN t.name = $3 THEN 2 ELSE 1 END) AS BIGINT) FROM teams t JOIN team_members m ON m.team_id = t.id WHERE t.organization_id = o.id AND m.user_id = $2) AS rank FROM organizations o) AS standings", "", {
    id, name, email, created_at, rank
});

impl From<StandingRow> for Standing {
    fn from(row: StandingRow) -> Self {
        Self {
            organization: Organization { id: row.id, name: row.name, email: row.email, created_at: row.created_at },
            membership: match row.rank {
                None => Membership::None,
                Some(1) => Membership::Member,
                Some(_) => Membership::Owner,
            },
        }
    }
}

statements! {
    INSERT_ORGANIZATION: Organization = insert;
    BY_NAME: Organization = select "WHERE name = $1";
    BY_ID: Organization = select "WHERE id = $1";
    STANDING_BY_NAME: StandingRow = select "WHERE name = $1";
    STANDING_BY_ID: StandingRow = select "WHERE id = $1";
    // $1 is the same person as $2.
    OF_USER: StandingRow = select "WHERE id IN (SELECT t.organization_id FROM teams t JOIN team_members m ON m.team_id = t.id WHERE m.user_id = $1) ORDER BY name";
    INSERT_USER: User = insert;
    USER_BY_ID: User = select "WHERE id = $1";
    USER_BY_NAME: User = select "WHERE username = $1";
    INSERT_TEAM: Team = insert;
    INSERT_MEMBER = "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)";
    INSERT_PROJECT: Project = insert;
    PROJECT_BY_ID: Project = select "WHERE id = $1";
    PROJECTS: Project = select "WHERE organization_id = $1 ORDER BY name";
    OLDEST_PROJECT: Project = select "WHERE organization_id = $1 ORDER BY created_at, id LIMIT 1";
}

/// Inserts an organization and makes its key.
pub async fn insert(tx: &mut Tx, organization: &Organization) -> Result<(), StoreError> {
    use crate::statement::Record as _;
    tx.execute(&INSERT_ORGANIZATION, organization.values()).await?;
    tx.create_organization_key(&organization.id).await
}

/// The organization of this name.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_NAME, values![name.to_owned()]).await
}

/// The organization of this id.
pub async fn by_id(tx: &mut Tx, id: &OrganizationId) -> Result<Option<Organization>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The organizations that a person is a member of, by name, with what the person is there.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Standing>, StoreError> {
    let rows: Vec<StandingRow> = tx.all(&OF_USER, values![*user_id, *user_id, OWNERS.to_owned()]).await?;
    Ok(rows.into_iter().map(Standing::from).collect())
}

async fn standing<K: crate::value::Col>(
    tx: &mut Tx,
    statement: &'static Statement,
    key: K,
    user_id: Option<&UserId>,
) -> Result<Option<Standing>, StoreError> {
    let row: Option<StandingRow> = tx.one(statement, values![key, user_id.cloned(), OWNERS.to_owned()]).await?;
    Ok(row.map(Standing::from))
}

/// The organization of this name, with what `user_id` is in it.
pub async fn standing_by_name(
    tx: &mut Tx,
    name: &str,
    user_id: Option<&UserId>,
) -> Result<Option<Standing>, StoreError> {
    standing(tx, &STANDING_BY_NAME, name.to_owned(), user_id).await
}

/// The organization of this id, with what `user_id` is in it.
pub async fn standing_by_id(
    tx: &mut Tx,
    id: &OrganizationId,
    user_id: Option<&UserId>,
) -> Result<Option<Standing>, StoreError> {
    standing(tx, &STANDING_BY_ID, id.clone(), user_id).await
}

/// Inserts a user.
pub async fn insert_user(tx: &mut Tx, user: &User) -> Result<(), StoreError> {
    use crate::statement::Record as _;
    tx.execute(&INSERT_USER, user.values()).await.map(drop)
}

/// The user of this id.
pub async fn user_by_id(tx: &mut Tx, id: &UserId) -> Result<Option<User>, StoreError> {
    tx.one(&USER_BY_ID, values![*id]).await
}

/// The user of this name.
pub async fn user_by_name(tx: &mut Tx, username: &str) -> Result<Option<User>, StoreError> {
    tx.one(&USER_BY_NAME, values![username.to_owned()]).await
}

/// Inserts a team.
pub async fn insert_team(tx: &mut Tx, team: &Team) -> Result<(), StoreError> {
    use crate::statement::Record as _;
    tx.execute(&INSERT_TEAM, team.values()).await.map(drop)
}

/// Adds a person to a team.
pub async fn insert_member(tx: &mut Tx, team_id: &TeamId, user_id: &UserId) -> Result<(), StoreError> {
    tx.execute(&INSERT_MEMBER, values![*team_id, *user_id]).await.map(drop)
}

/// Inserts a project.
pub async fn insert_project(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    use crate::statement::Record as _;
    tx.execute(&INSERT_PROJECT, project.values()).await.map(drop)
}

/// The project of this id.
pub async fn project_by_id(tx: &mut Tx, id: &ProjectId) -> Result<Option<Project>, StoreError> {
    tx.one(&PROJECT_BY_ID, values![*id]).await
}

/// An organization's projects, by name.
pub async fn projects(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<Project>, StoreError> {
    tx.all(&PROJECTS, values![*id]).await
}

/// The project for workspaces that name none.
pub async fn default_project(tx: &mut Tx, id: &OrganizationId) -> Result<Option<Project>, StoreError> {
    tx.one(&OLDEST_PROJECT, values![*id]).await
}
